"""One kernel for all picks of a study: `qnas export --together`.

The networks of the picks under the one folding of `best_plan_for_all`: RUN/together/project, and
together.json, which says what they share and what each gives up for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from qnas._util.serialization import Value, read_json, read_value, write_json
from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.folding_search.search import SharedFolding, best_plan_for_all
from qnas.accel.plan.multi_network import encode_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CapacityError, CheckpointError, QnasError, problem
from qnas.integer.file import load_integer
from qnas.studies.progress import Progress
from qnas.studies.results.picks import Pick
from qnas.studies.run.run import Run
from qnas.studies.stages.export import expected_numbers, exported, picks, project_name

STAGE = "export"


@dataclass(frozen=True, slots=True)
class Shared(Value):
    """A network of the kernel, number `network`: the picks that are it, the SHA-256 of its integer
    network, cycles and images a second in the kernel, and images a second of each pick alone."""

    network: int
    picks: tuple[str, ...]
    key: str
    sha256: str
    cycles: int
    fps: float
    fps_alone: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Together(Value):
    """together.json: the kernel's resources, modelled, those of each pick's own kernel, and its
    networks."""

    clock_mhz: float
    resources: Resources
    resources_alone: Mapping[str, Resources]
    networks: tuple[Shared, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The picks of a study, one a network (`heads`) and all that are the same network (`members`),
    and the kernel that they share."""

    members: tuple[tuple[Pick, ...], ...]
    kernel: SharedFolding

    @property
    def heads(self) -> tuple[Pick, ...]:
        return tuple(group[0] for group in self.members)

    @property
    def plans(self) -> tuple[HardwarePlan, ...]:
        return self.kernel.plans


def group_of(run: Run) -> Group:
    """Of the finished study; CapacityError if no kernel of all picks fits the device.

    It may take the largest share of the DSPs that any of the picks takes.
    """
    by_network: dict[str, list[Pick]] = {}
    for pick in picks(run):
        by_network.setdefault(pick.trial.architecture.key, []).append(pick)
    members = tuple(map(tuple, by_network.values()))
    kernel = best_plan_for_all(
        [group[0].trial.architecture for group in members],
        run.device,
        max(pick.trial.proposal.dsp_share for group in members for pick in group),
        limits=run.limits,
    )
    for name, limit in run.limits.items():
        used = getattr(kernel.resources, name)
        if used > limit:
            rule = f"of a kernel of all picks must be at most {limit:,}"
            remedy = "Lower the FPS targets, or take a larger board."
            raise CapacityError(problem(name, rule, f"{used:,}", remedy))
    return Group(members, kernel)


def exported_together(run: Run, group: Group) -> bool:
    """Whether RUN/together holds the kernel of these picks with their weights as they are now."""
    files = run.files.together
    try:
        return bool(
            read_json(files.project / "plan.json") == encode_plans(group.plans)
        ) and read_value(Together, files.facts) == _facts(run, group)
    except (QnasError, OSError):
        return False


def export_together(run: Run, progress: Progress) -> None:
    """Write the project of the kernel that all picks share, unless it is there. Needs the picks'
    own projects."""
    run.need(f"{STAGE} --together", all(exported(run, pick) for pick in picks(run)), STAGE)
    group = group_of(run)
    there = exported_together(run, group)
    note = "is there" if there else f"of {len(group.members)} networks"
    progress.stage(STAGE, f"the kernel of all picks {note}")
    if not there:
        _export(run, group)


def _export(run: Run, group: Group) -> None:
    from qnas.accel.hls.emit.member import KernelNetwork
    from qnas.accel.hls.emit.project import SAMPLE_IMAGES, emit_kernel

    files = run.files.together
    images, labels = run.loaded_subset("report", at_most=SAMPLE_IMAGES)
    members = [
        KernelNetwork(
            load_integer(run.files.pick(pick.name).network),
            plan,
            pick.name,
            expected_numbers(run, pick, estimate),
        )
        for pick, plan, estimate in zip(
            group.heads, group.plans, group.kernel.estimates, strict=True
        )
    ]
    project = emit_kernel(
        members,
        name=project_name(run.config.name, "together"),
        images=images,
        labels=labels,
        device=run.device,
    )
    # The facts come last and go first: where they lie, the rest belongs to them.
    files.facts.unlink(missing_ok=True)
    files.verification.unlink(missing_ok=True)
    project.write(files.project)
    write_json(files.facts, _facts(run, group))


def _facts(run: Run, group: Group) -> Together:
    estimates = group.kernel.estimates
    everyone = [pick for members in group.members for pick in members]
    return Together(
        clock_mhz=estimates[0].clock_mhz,
        resources=group.kernel.resources,
        resources_alone={pick.name: pick.trial.estimate.resources for pick in everyone},
        networks=tuple(
            _shared(run, index, members, estimate)
            for index, (members, estimate) in enumerate(zip(group.members, estimates, strict=True))
        ),
    )


def _shared(run: Run, index: int, members: tuple[Pick, ...], estimate: Estimate) -> Shared:
    network = run.files.pick(members[0].name).network
    return Shared(
        network=index,
        picks=tuple(pick.name for pick in members),
        key=members[0].trial.architecture.key,
        sha256=hashlib.sha256(network.read_bytes()).hexdigest(),
        cycles=estimate.cycles,
        fps=estimate.fps,
        fps_alone={pick.name: pick.trial.estimate.fps for pick in members},
    )


def facts_together(run: Run) -> Together | None:
    """What together.json says; None if there is none."""
    try:
        return read_value(Together, run.files.together.facts)
    except CheckpointError:
        return None
