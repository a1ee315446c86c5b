"""Kernels of a finished search: one for each pick, and on request one that runs all picks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qnas._util.intervals import wilson_interval
from qnas._util.units import in_passes, pass_name
from qnas.accel.cost.estimate import Estimate
from qnas.accel.folding_search.search import KernelPlan, best_kernel
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CapacityError, CheckpointError, UnknownNameError, nearest, problem
from qnas.studies.results.picks import MissedTarget, Pick, choose, missed
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import KernelDirectory, PickDirectory

if TYPE_CHECKING:
    from qnas.accel.hls.emit.member import Expected


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of one or more networks; a pick's own kernel has one.

    `members` has the picks of each network, `networks` the path of each integer network, and
    `files` are the kernel's own.
    """

    name: str
    members: tuple[tuple[Pick, ...], ...]
    plan: KernelPlan
    files: KernelDirectory
    networks: tuple[Path, ...]

    @property
    def heads(self) -> tuple[Pick, ...]:
        """The first pick of each network, which gives the network its label."""
        return tuple(group[0] for group in self.members)

    @property
    def of_all_picks(self) -> bool:
        """Whether this is the kernel of all picks, which may share one network."""
        return not isinstance(self.files, PickDirectory)

    @property
    def title(self) -> str:
        """The kernel in words."""
        return "the kernel of all picks" if self.of_all_picks else f"`{self.name}`"


def picks(run: Run) -> tuple[Pick, ...]:
    """The picks of the study, without those of FPS targets that the front misses."""
    return choose(run.records(), run.config.fps_targets, run.config.confidence)


def missed_targets(run: Run) -> tuple[MissedTarget, ...]:
    """The FPS targets of the study that its front misses."""
    return missed(run.records(), run.config.fps_targets, run.config.confidence)


def named_picks(known: Sequence[Pick], names: Sequence[str]) -> list[Pick]:
    """The picks of these names, or all without names; UnknownNameError for an unknown name."""
    for name in names:
        if name not in {pick.name for pick in known}:
            rule, remedy = "must be a pick of the study", nearest(name, (p.name for p in known))
            raise UnknownNameError(problem("pick", rule, repr(name), remedy))
    return [pick for pick in known if not names or pick.name in names]


def kernel_of(run: Run, pick: Pick, files: PickDirectory | None = None) -> Kernel:
    """The kernel of one pick with the plan of the search, in `files` (by default the pick's
    directory in the run); CheckpointError if this version gives the plan another estimate."""
    trial, files = pick.trial, files or run.files.pick(pick.name)
    plan = best_kernel(
        [trial.architecture],
        run.device,
        trial.proposal.dsp_share,
        batch=run.config.search.batch,
        predictor=run.predictor,
    )
    (estimate,) = plan.estimates
    if estimate != trial.estimate:
        raise CheckpointError(
            problem(
                str(run.files.journal),
                "must be made by this version of the cost model",
                f"{trial.estimate.cycles:,} cycles for the pick `{pick.name}`, whose plan costs "
                f"{estimate.cycles:,} now"
                if estimate.cycles != trial.estimate.cycles
                else f"other resources for the pick `{pick.name}` than its plan needs now",
                "Give the study a new name: its numbers are another version's.",
            )
        )
    return Kernel(pick.name, ((pick,),), plan, files, (files.network,))


def multi_network_kernel(run: Run, chosen: Sequence[Pick]) -> Kernel:
    """Plan one kernel of the picks `chosen`; CapacityError if none fits the device.

    The kernel may use the largest share of the DSPs of any pick.
    """
    by_network: dict[str, list[Pick]] = {}
    for pick in chosen:
        by_network.setdefault(pick.trial.architecture.key, []).append(pick)
    members = tuple(map(tuple, by_network.values()))
    plan = best_kernel(
        [group[0].trial.architecture for group in members],
        run.device,
        max(pick.trial.proposal.dsp_share for group in members for pick in group),
        batch=run.config.search.batch,
        predictor=run.predictor,
    )
    predicted = run.predictor.predict(plan.estimates[0], plan.plans)
    for name, limit in run.limits.items():
        used = predicted[name].most(run.predictor.confidence)
        if used > limit:
            rule = f"of a kernel of all picks must be at most {limit:,}"
            remedy = "Lower the FPS targets, or take a larger board."
            raise CapacityError(problem(name, rule, f"{used:,.0f}", remedy))
    files = run.files.multi_network
    networks = tuple(run.files.pick(group[0].name).network for group in members)
    return Kernel(files.path.name, members, plan, files, networks)


def kernels(run: Run, chosen: Sequence[Pick]) -> tuple[Kernel, ...]:
    """The kernels of the picks `chosen`, and the one of all picks if the run has it."""
    found = tuple(kernel_of(run, pick) for pick in chosen)
    if not run.files.multi_network.path.exists():
        return found
    return (*found, multi_network_kernel(run, chosen))


def plan_of(run: Run, pick: Pick) -> HardwarePlan:
    """The plan of a pick's own kernel; CheckpointError as `kernel_of`."""
    return kernel_of(run, pick).plan.plans[0]


def project_name(study: str, kernel: str) -> str:
    """An identifier for the generated sources: study and kernel."""
    return re.sub(r"\W", "_", f"{study}_{kernel}")


def expected_numbers(estimate: Estimate, *, limits: Iterable[str]) -> list[Expected]:
    """The numbers of a kernel of this estimate, for the README of a project; `limits` names the
    resources."""
    from qnas.accel.hls.emit.member import Expected

    model, what = "modelled, not synthesised", pass_name(estimate.batch)
    rate = f"FPS{in_passes(estimate.batch)} at {estimate.clock_mhz:g} MHz (assumed)"
    return [
        Expected(f"cycles of a call's first {what}", f"{estimate.cycles_first:,}", model),
        Expected(
            f"cycles of each further {what}",
            f"{estimate.cycles:,}",
            f"modelled: {estimate.loop_cycles:,} iterations and {estimate.fill_cycles:,} to fill "
            "pipelines",
        ),
        Expected(rate, f"{estimate.fps:,.0f}", model),
        *(
            Expected(name.upper(), f"{getattr(estimate.resources, name):,}", model)
            for name in limits
        ),
    ]


def expected_accuracy(accuracy: float | None, *, images: int, tuned: bool) -> list[Expected]:
    """The row of a project's accuracy; none without one.

    `accuracy` is the top-1 accuracy on the search split, as a fraction, of the project's weights,
    which were fine-tuned or not, counted on `images` images.
    """
    from qnas.accel.hls.emit.member import Expected

    if accuracy is None:
        return []
    low, high = wilson_interval(accuracy, images)
    weights = "fine-tuned" if tuned else "the supernet's, not fine-tuned"
    how = (
        f"these weights ({weights}), fake-quantized, on the {images:,} images of the search "
        f"split (95 % interval {low:.2%} to {high:.2%})"
    )
    return [Expected("accuracy", f"{accuracy:.2%}", how)]
