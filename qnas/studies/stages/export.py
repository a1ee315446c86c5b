"""Stage `export`: an HLS project for each pick."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from qnas._util.serialization import encode, read_json, write_json
from qnas.accel.cost.estimate import Estimate
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CheckpointError, QnasError, problem
from qnas.integer.file import save_integer
from qnas.studies.progress import Progress
from qnas.studies.results.picks import PICK_NAME, Pick, choose, reached
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import PickDirectory
from qnas.studies.run.tuning_record import supernet_of
from qnas.studies.stages.search import searched

if TYPE_CHECKING:
    from qnas.accel.hls.emit.member import Expected

STAGE = "export"
LOGIT_IMAGES = 2048  # of the training split: what the step of the logits is set by


def picks(run: Run) -> tuple[Pick, ...]:
    """The picks of the finished study; ConfigError if an FPS target is out of reach."""
    return choose(run.records(), run.config.fps_targets)


def reachable_picks(run: Run) -> tuple[Pick, ...]:
    """The picks but those of FPS targets that the front misses."""
    records = run.records()
    return choose(records, reached(records, run.config.fps_targets))


def exported(run: Run, pick: Pick) -> bool:
    """Whether the directory of `pick` holds just this pick, whole. Raises as `plan_of`."""
    files, plan = run.files.pick(pick.name), encode(plan_of(run, pick))
    try:
        return (
            files.project.is_dir()
            and files.network.is_file()
            and files.weights.is_file()
            and bool(read_json(files.architecture) == encode(pick.trial.architecture))
            and bool(read_json(files.plan) == plan)
            and bool(read_json(files.project / "plan.json") == plan)
        )
    except QnasError:
        return False


def export(run: Run, progress: Progress) -> None:
    """Write architecture, plan and project of every pick that lacks them, and remove the
    directories of what is a pick no more."""
    run.need(STAGE, searched(run), "search")
    chosen = picks(run)
    _remove_others(run, chosen)
    missing = [pick for pick in chosen if not exported(run, pick)]
    progress.stage(
        STAGE, f"{len(missing)} of {len(chosen)} picks" if missing else "picks are there"
    )
    for done, pick in enumerate(missing, start=1):
        export_pick(run, pick, run.files.pick(pick.name))
        progress.advance(done, len(missing), pick.name)


def plan_of(run: Run, pick: Pick) -> HardwarePlan:
    """The very plan that the study priced; CheckpointError if it is priced otherwise today."""
    trial = pick.trial
    plan, estimate = best_plan(
        trial.architecture, run.device, trial.proposal.dsp_share, limits=run.limits
    )
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
    return plan


def project_name(study: str, pick: str) -> str:
    """An identifier for the generated sources: study and pick."""
    return re.sub(r"\W", "_", f"{study}_{pick}")


def _remove_others(run: Run, chosen: tuple[Pick, ...]) -> None:
    """Directories of targets that the study has no more. What others put there stays."""
    names = {pick.name for pick in chosen}
    for folder in run.files.picks.glob("*"):
        if folder.is_dir() and PICK_NAME.fullmatch(folder.name) and folder.name not in names:
            shutil.rmtree(folder)


def export_pick(run: Run, pick: Pick, files: PickDirectory) -> None:
    """Write architecture, plan, weights, integer network and project of `pick` to `files`."""
    from qnas.accel.hls.emit.project import SAMPLE_IMAGES, emit_project
    from qnas.supernet.export.integer import to_integer
    from qnas.supernet.export.timm_export import state_dict

    images, labels = run.loaded_subset("report", at_most=SAMPLE_IMAGES)
    plan = plan_of(run, pick)
    supernet, architecture = supernet_of(run, pick.trial.architecture), pick.trial.architecture
    network = to_integer(
        supernet, architecture, run.loaded_subset("train", at_most=LOGIT_IMAGES)[0]
    )
    project = emit_project(
        network,
        plan,
        name=project_name(run.config.name, pick.name),
        images=images,
        labels=labels,
        device=run.device,
        expected=expected_numbers(run, pick, pick.trial.estimate),
    )
    # The architecture comes last and goes first: where it lies, the rest belongs to it.
    files.architecture.unlink(missing_ok=True)
    files.verification.unlink(missing_ok=True)
    save_integer(network, files.network)
    state_dict(supernet.slice(architecture)).write(files.weights)
    project.write(files.project)
    write_json(files.plan, plan)
    write_json(files.architecture, architecture)


def expected_numbers(run: Run, pick: Pick, estimate: Estimate) -> list[Expected]:
    """What the study says of `pick` in a kernel of this estimate, for the README of a project."""
    from qnas.accel.hls.emit.member import Expected

    trial, model = pick.trial, "modelled, not synthesised"
    rows = [
        Expected("cycles an image", f"{estimate.cycles:,}", model),
        Expected(f"FPS at {estimate.clock_mhz:g} MHz (assumed)", f"{estimate.fps:,.0f}", model),
        *(
            Expected(name.upper(), f"{getattr(estimate.resources, name):,}", model)
            for name in run.device.limits()
        ),
    ]
    if "error" in trial.values:
        accuracy = f"{1 - trial.values['error']:.2%}"
        rows.insert(0, Expected("accuracy", accuracy, "fake-quantized, on the search split"))
    return rows
