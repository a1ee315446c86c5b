"""The Python API: run a study, tune its picks, plan a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

from qnas._util.extensions import refuse_while_loading
from qnas.accel.cost.estimate import Estimate
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import UnknownNameError, nearest, problem
from qnas.studies.config import Study, load_config, resolved
from qnas.studies.open_run import OpenRun, open_run
from qnas.studies.progress import Progress, Silent
from qnas.studies.run.opening import writable_run
from qnas.studies.run.run import Run
from qnas.studies.search.loop import Callback
from qnas.studies.stages import pipeline
from qnas.studies.workers.pool import WorkerPool

Stage = Literal["train", "search", "export", "verify", "report"]
_SILENT = Silent()


def run(
    study: Study | Path | str,
    *,
    runs: Path | str = "runs",
    until: Stage = "report",
    workers: int = 1,
    storage: str = "",
    callbacks: Sequence[Callback] = (),
    progress: Progress = _SILENT,
) -> OpenRun:
    """Run every missing stage of `study`, from images to verified accelerators.

    The run's directory is `runs`/NAME. A run that was interrupted resumes where it stopped.

    Args:
        study: A Study, whose relative paths are looked up from the working directory; a TOML file;
            or the name of a study that comes with qnas.
        runs: Folder of the run directories.
        until: The last stage to run.
        workers: Number of search processes on this machine.
        storage: URL of an Optuna storage to share the search with other machines.
        callbacks: Functions called with the Optuna study and each finished trial, as Optuna calls
            them. A callback that calls `study.stop()` ends the search; the later stages use the
            trials found so far.
        progress: Listener to the progress of the stages.

    Returns:
        The run, opened read-only.

    Raises:
        ConfigError: The study cannot be run, or an existing run was made from another study.
        UnknownNameError: The study names something that does not exist.
        CapacityError: No candidate fits the device.
        MissedTargetError: The front misses an FPS target. All other picks are finished:
            `open_run` opens the run.
        ToolMissingError: g++ is not installed.
        VerificationError: The C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.run")
    if until not in get_args(Stage):
        remedy = nearest(str(until), get_args(Stage))
        raise UnknownNameError(problem("until", "must be a stage", repr(until), remedy))
    config = _study_of(study)
    pool = WorkerPool(workers, storage)
    pool.check()
    with writable_run(config, runs=Path(runs)) as opened:
        for correction in opened.corrections:
            progress.stage("study", correction)
        for stage in _stages(opened, until, pool, callbacks, progress):
            stage()
    return open_run(opened.files.path, trust=True)  # the study was given by the caller


def _stages(
    opened: Run, until: Stage, pool: WorkerPool, callbacks: Sequence[Callback], progress: Progress
) -> Sequence[Callable[[], object]]:
    """The stages to run, in order, up to `until`."""
    if until == "report":
        return [lambda: pipeline.run_all(opened, pool=pool, progress=progress, callbacks=callbacks)]
    stages: dict[Stage, Callable[[], object]] = {
        "train": lambda: pipeline.train(opened, progress=progress),
        "search": lambda: pipeline.search(
            opened, pool=pool, progress=progress, callbacks=callbacks
        ),
        "export": lambda: pipeline.export(opened, progress=progress),
        "verify": lambda: pipeline.verify(opened, progress=progress),
    }
    return list(stages.values())[: list(stages).index(until) + 1]


def tune(
    study: Study | Path | str,
    *,
    runs: Path | str = "runs",
    picks: Sequence[str] = (),
    progress: Progress = _SILENT,
) -> OpenRun:
    """Train the subnets of picks alone, by the study's `tune`; export and verify what changes.

    Args:
        study: As of `run`.
        runs: Folder of the run directories.
        picks: Names of picks; all of them unless given.
        progress: Listener to the progress of the stages.

    Returns:
        The run, opened read-only. `summary` tells the accuracies before and after.

    Raises:
        StageOrderError: The study is not searched yet.
        UnknownNameError: The study has no pick of a name in `picks`.
        ToolMissingError: g++ is not installed.
        VerificationError: The C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.tune")
    with writable_run(_study_of(study), runs=Path(runs), stage="tune") as opened:
        pipeline.tune(opened, picks=picks, progress=progress)
    return open_run(opened.files.path, trust=True)


def _study_of(study: Study | Path | str) -> Study:
    return resolved(study, Path.cwd()) if isinstance(study, Study) else load_config(study)


def plan(
    architecture: Architecture, device: Device | str | Path, *, dsp_share: float = 1.0
) -> tuple[HardwarePlan, Estimate]:
    """Find the fastest plan of `architecture` on `device`, and its modelled cost.

    Args:
        architecture: The subnet.
        device: A Device, a device's name, or the path of a device's TOML file.
        dsp_share: Share of the device's DSPs that the plan may use, in (0, 1].

    Returns:
        The plan and its estimate. If no plan fits, this is the plan that exceeds the limits least:
        compare `estimate.resources` with `device.limits()`.

    Raises:
        CapacityError: The network has no plan at all, on any amount of resources.
    """
    board = device if isinstance(device, Device) else load_device(device)
    return best_plan(architecture, board, dsp_share)
