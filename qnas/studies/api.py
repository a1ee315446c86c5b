"""The Python API: run a study, open a run, ask it for its front and for one candidate of it."""

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
from qnas.studies.config import Study, load_config
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
    """A run that is open to be read, also while another process trains or searches it.

    What it answers follows the run as it grows; nothing is written in its directory.
    """

    @property
    def path(self) -> Path:
        """The run's directory."""
        return self.files.path

    def front(self) -> tuple[TrialRecord, ...]:
        """Feasible, non-dominated, distinct candidates by rising error.

        Raises StageOrderError before the first trial, CapacityError if none fits the device.
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
        """One candidate that keeps the limits, from the front of those that do.

        `at_most` and `at_least` name objectives, "latency" (ms), "fps" or resources; `weights`
        say what a worsening of an objective over its whole range counts. Without weights it is
        the knee, or with `fps`, images a second at least, the most accurate.

        Raises UnknownNameError and ConfigError for limits that mean nothing, CapacityError if no
        candidate keeps them.
        """
        wanted = Requirements(
            fps, self._known(at_most), self._known(weights), self._known(at_least)
        )
        return PickedTrial(select_candidate(self.searched_records("pick"), wanted), self)

    def _known(self, amounts: Mapping[str, float] | None) -> dict[str, float]:
        """`amounts` as the study names them: its own objectives by where they are."""
        references = {
            info.name: n
            for info, n in zip(self.objectives, self.config.objective_names, strict=True)
        }
        return {references.get(name, name): amount for name, amount in (amounts or {}).items()}

    def summary(self) -> Summary:
        """The outcome of the run; StageOrderError unless its picks are verified."""
        self.need("summary", self.files.summary.exists(), "verify")
        return read_value(Summary, self.files.summary)

    def write_report(self, path: Path | str) -> Path:
        """Write the run's report, one HTML file, to `path`."""
        write_atomically(Path(path), pipeline.rendered_report(self))
        return Path(path)


@dataclass(frozen=True, slots=True)
class PickedTrial:
    """A candidate of `run` that was chosen, and why."""

    selected: Selected = field(repr=False)
    run: OpenRun = field(repr=False)

    @property
    def trial(self) -> TrialRecord:
        """What was proposed, and what came of it: architecture, values, estimate."""
        return self.selected.trial

    @property
    def reasons(self) -> tuple[str, ...]:
        """How many candidates each step of the choice left, and why it is this one."""
        return self.selected.reasons

    @property
    def more_accurate(self) -> TrialRecord | None:
        """The next on the front of what keeps the limits; None if this is the most accurate."""
        return self.selected.more_accurate

    @property
    def faster(self) -> TrialRecord | None:
        """The next on the front of what keeps the limits; None if this is the fastest."""
        return self.selected.faster

    @property
    def architecture(self) -> Architecture:
        """The subnet."""
        return self.trial.architecture

    @property
    def estimate(self) -> Estimate:
        """Cycles, images a second and resources, modelled."""
        return self.trial.estimate

    @property
    def predicted(self) -> Prediction:
        """The same amounts, each with a 90 % interval, as the study's calibration has them; without
        one, the estimate."""
        return self.trial.predicted

    def plan(self) -> HardwarePlan:
        """The plan that the search priced; CheckpointError if this version prices it otherwise."""
        from qnas.studies.stages.kernels import plan_of

        return plan_of(self.run, self._named())

    def explain(self) -> Explanation:
        """Where its cycles, resources and bytes go."""
        title = f"trial {self.trial.number} of {self.run.config.name}"
        return explain(title, self.plan(), self.run.device)

    def export(self, folder: Path | str) -> Path:
        """Write architecture, plan, weights, integer network and HLS project to `folder`, which is
        returned; the project is in `folder/project`. ConfigError unless it is new or empty."""
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
    """From images to verified accelerators: what of that is missing in the run of `study`.

    The run lies in `runs`/NAME, and is returned to be read. A run that was killed, or is called
    again, goes on where it was. `study` is a Study, a TOML file, or the name of one that comes
    with qnas; `until` is the last stage to do. `workers` processes search, all of one machine, and
    with `storage`, the URL of an Optuna storage, with those of other machines.

    `callbacks` are called with the Optuna study and each trial that is finished, as Optuna's are;
    `study.stop()` in one ends the search, and the later stages work on what was found.

    Raises ConfigError and UnknownNameError before anything is made, for a study that cannot be
    run or is not the one of the run that is there; CapacityError if nothing fits the device;
    ToolMissingError without g++; VerificationError if the C++ differs from the integer reference.
    """
    refuse_while_loading("qnas.run")
    if until not in get_args(Stage):
        remedy = nearest(str(until), get_args(Stage))
        raise UnknownNameError(problem("until", "must be a stage", repr(until), remedy))
    config = study if isinstance(study, Study) else load_config(study)
    pool = WorkerPool(workers, storage)
    pool.check()
    with writable_run(config, runs=Path(runs)) as opened:
        for stage in _stages(opened, until, pool, callbacks, progress):
            stage()
    return open_run(opened.files.path)


def _stages(
    opened: Run, until: Stage, pool: WorkerPool, callbacks: Sequence[Callback], progress: Progress
) -> Sequence[Callable[[], object]]:
    """What is to be done, in its order, as far as `until`."""
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


def open_run(directory: Path | str) -> OpenRun:
    """The run in `directory` (runs/NAME), to read: without a lock, also while it is searched.

    Raises ConfigError for a directory that is no run, CheckpointError for a damaged manifest.
    """
    path = Path(directory)
    return OpenRun(readable_config(path), path, read_only=True)


def plan(
    architecture: Architecture, device: Device | str | Path, *, dsp_share: float = 1.0
) -> tuple[HardwarePlan, Estimate]:
    """The fastest plan of `architecture` on `device`, and what it costs, modelled.

    `device` is a Device, the name of one, or the path of a device's TOML file; `dsp_share` the
    share of its DSPs that the plan may use. If nothing fits the limits, it is the plan that misses
    them by least: compare `estimate.resources` with `device.limits()`. Raises CapacityError for a
    network that has no plan at all.
    """
    board = device if isinstance(device, Device) else load_device(device)
    return best_plan(architecture, board, dsp_share)
