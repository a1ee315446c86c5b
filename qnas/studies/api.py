"""The Python API: run a study, open a run, read its front and pick a candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from qnas._util.extensions import refuse_while_loading
from qnas._util.serialization import read_value, write_atomically
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.studies.config import Study, load_config, resolved
from qnas.studies.progress import Progress, Silent
from qnas.studies.report.explanation import Explanation, explain
from qnas.studies.results.picks import Pick
from qnas.studies.results.selection import Requirements, Selected, select_candidate
from qnas.studies.run.opening import readable_config, writable_run
from qnas.studies.run.outcome import Summary
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import PickDirectory
from qnas.studies.search.loop import Callback
from qnas.studies.search.trials import TrialRecord
from qnas.studies.stages import pipeline
from qnas.studies.workers.pool import WorkerPool

Stage = Literal["train", "search", "export", "verify", "report"]
_SILENT = Silent()


class OpenRun(Run):
    """A run opened read-only, also while another process trains or searches it.

    Every method reads the current state of the run. Nothing is written in the run's directory.
    """

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.files.path

    def front(self) -> tuple[TrialRecord, ...]:
        """The feasible, non-dominated, distinct candidates, by rising error.

        Raises:
            StageOrderError: The run has no trial yet.
            CapacityError: No candidate fits the device.
        """
        return self.searched_records("front").front()

    def pick(
        self,
        *,
        fps: float = 0.0,
        at_most: Mapping[str, float] | None = None,
        at_least: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> PickedTrial:
        """Select one candidate from the front of the candidates that keep the limits.

        Without `weights` this is the most accurate candidate if `fps` is given, else the knee.

        Args:
            fps: Least images per second; 0 for no limit.
            at_most: Upper limits by name: objectives, "latency" (ms), "fps" or resources.
            at_least: Lower limits by the same names.
            weights: Relative weight of each objective, per worsening over its whole range on the
                front.

        Raises:
            UnknownNameError: A name is no amount of the study.
            ConfigError: A limit or weight is no positive number.
            CapacityError: No candidate keeps the limits.
        """
        wanted = Requirements(
            fps, self._known(at_most), self._known(weights), self._known(at_least)
        )
        return PickedTrial(select_candidate(self.searched_records("pick"), wanted), self)

    def _known(self, amounts: Mapping[str, float] | None) -> dict[str, float]:
        """`amounts` by the study's names: the user's own objectives by their references."""
        references = {
            info.name: n
            for info, n in zip(self.objectives, self.config.objective_names, strict=True)
        }
        return {references.get(name, name): amount for name, amount in (amounts or {}).items()}

    def summary(self) -> Summary:
        """The outcome of the run.

        Raises:
            StageOrderError: The picks are not verified yet.
        """
        self.need("summary", self.files.summary.exists(), "verify")
        return read_value(Summary, self.files.summary)

    def write_report(self, path: Path | str) -> Path:
        """Write the run's report, one HTML file, to `path`."""
        write_atomically(Path(path), pipeline.rendered_report(self))
        return Path(path)


@dataclass(frozen=True, slots=True)
class PickedTrial:
    """A selected candidate of `run`, with the reasons for the selection."""

    selected: Selected = field(repr=False)
    run: OpenRun = field(repr=False)

    @property
    def trial(self) -> TrialRecord:
        """The candidate's trial: architecture, objective values, estimate."""
        return self.selected.trial

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences: how many candidates each selection step left, and why this one was chosen."""
        return self.selected.reasons

    @property
    def more_accurate(self) -> TrialRecord | None:
        """The next more accurate candidate of the front within the limits, if there is one."""
        return self.selected.more_accurate

    @property
    def faster(self) -> TrialRecord | None:
        """The next faster candidate of the front within the limits, if there is one."""
        return self.selected.faster

    @property
    def architecture(self) -> Architecture:
        """The subnet."""
        return self.trial.architecture

    @property
    def estimate(self) -> Estimate:
        """Modelled cycles, images per second and resources."""
        return self.trial.estimate

    @property
    def predicted(self) -> Prediction:
        """The estimate corrected by the study's calibration, each amount with a 90 % interval.

        Without a calibration the values equal the estimate.
        """
        return self.trial.predicted

    def plan(self) -> HardwarePlan:
        """The hardware plan whose estimate the search used.

        Raises:
            CheckpointError: This version of qnas makes another plan or estimate.
        """
        from qnas.studies.stages.kernels import plan_of

        return plan_of(self.run, self._named())

    def explain(self) -> Explanation:
        """Break down the cycles, resources and bytes of the accelerator."""
        title = f"trial {self.trial.number} of {self.run.config.name}"
        return explain(title, self.plan(), self.run.device)

    def export(self, folder: Path | str) -> Path:
        """Write architecture, plan, weights, integer network and HLS project to `folder`.

        Args:
            folder: A new or empty folder. The HLS project goes to `folder/project`.

        Returns:
            `folder`.

        Raises:
            ConfigError: The folder is not empty.
        """
        from qnas.studies.stages.export import export_pick

        out = Path(folder)
        if out.exists() and any(out.iterdir()):
            rule = "must be a new or empty folder"
            raise ConfigError(problem("out", rule, out, "Choose another."))
        export_pick(self.run, self._named(), PickDirectory(out))
        return out

    def _named(self) -> Pick:
        return Pick(f"trial{self.trial.number}", self.trial)


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


def open_run(directory: Path | str, *, trust: bool = False) -> OpenRun:
    """Open the run in `directory` (runs/NAME) read-only, without a lock, also during a search.

    The run's space and objectives are read from its manifest, as data. With `trust`, the Python
    files that its study names may be executed, for data that such a file loads.

    Raises:
        ConfigError: The directory holds no run, or one that cannot be read without `trust`.
        CheckpointError: The manifest is damaged.
    """
    path = Path(directory)
    return OpenRun(readable_config(path, trust=trust), path, read_only=True, trust=trust)


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
