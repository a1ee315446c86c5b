"""A run that is opened read-only: its front, its picks, its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qnas._util.serialization import read_value, write_atomically, write_json
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.studies.report.explanation import Explanation, explain
from qnas.studies.results.picks import Pick
from qnas.studies.results.selection import Requirements, Selected, select_candidate
from qnas.studies.run.opening import readable_config
from qnas.studies.run.outcome import PickOrigin, Summary
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import PickDirectory
from qnas.studies.search.trials import TrialRecord
from qnas.studies.stages import pipeline
from qnas.studies.stages.export import export_pick
from qnas.studies.stages.kernels import plan_of


class OpenRun(Run):
    """A run opened read-only, also while another process trains or searches it.

    Every method reads the current state of the run. Nothing is written in the run's directory.
    """

    def __repr__(self) -> str:
        return f"open_run({str(self.path)!r})"

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
            fps,
            self._known(at_most),
            self._known(weights),
            self._known(at_least),
            self.config.confidence,
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
        out = Path(folder)
        if out.exists() and any(out.iterdir()):
            rule = "must be a new or empty folder"
            raise ConfigError(problem("out", rule, out, "Choose another."))
        files = PickDirectory(out)
        export_pick(self.run, self._named(), files)
        origin = PickOrigin(self.run.config.name, self.trial.number, self.run.device)
        write_json(files.origin, origin)
        return out

    def _named(self) -> Pick:
        return Pick(f"trial{self.trial.number}", self.trial)


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
