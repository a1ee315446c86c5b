"""The Pareto front of a study, and its CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnas._util.extensions import portable
from qnas._util.serialization import canonical_json
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.cost.prediction import Prediction
from qnas.errors import CapacityError, StageOrderError, problem
from qnas.objectives.registry import objective_info
from qnas.pareto import Box, Points, hypervolume, knee, nondominated
from qnas.studies.search.trials import TrialRecord


@dataclass(frozen=True, slots=True)
class StudyRecords:
    """Every decided trial of a study, with the names of its objectives.

    `trials` were evaluated. The others have no values: the plans of `infeasible` ones exceed a
    limit; `early_stopped` ones were dominated before every image was evaluated.
    """

    objectives: tuple[str, ...]
    trials: tuple[TrialRecord, ...]
    infeasible: tuple[TrialRecord, ...] = ()
    early_stopped: tuple[TrialRecord, ...] = ()

    @classmethod
    def of(cls, objectives: Sequence[str], found: Sequence[TrialRecord]) -> StudyRecords:
        """Sort decided trials by whether they have values."""
        valued = tuple(trial for trial in found if trial.values)
        infeasible = tuple(t for t in found if not t.values and not t.feasible)
        early_stopped = tuple(t for t in found if not t.values and t.feasible)
        return cls(tuple(objectives), valued, infeasible, early_stopped)

    @property
    def count(self) -> int:
        """The number of decided trials, which counts towards the budget."""
        return len(self.trials) + len(self.infeasible) + len(self.early_stopped)

    @property
    def batch(self) -> int:
        """Images of a pass, of which FPS and latency are; 0 if trials of several studies differ."""
        found = {trial.estimate.batch for trial in self.trials} or {1}
        return found.pop() if len(found) == 1 else 0

    def minimised(self, trials: Sequence[TrialRecord]) -> Points:
        """Objective values (n, m), those to maximise negated."""
        signs = [
            -1.0 if objective_info(name).direction == "maximize" else 1.0
            for name in self.objectives
        ]
        rows = [[trial.values[name] for name in self.objectives] for trial in trials]
        points: Points = np.array(rows, dtype=np.float64).reshape(-1, len(signs)) * np.array(signs)
        return points

    def distinct(self) -> list[TrialRecord]:
        """The first trial of each distinct candidate."""
        first: dict[str, TrialRecord] = {}
        for trial in self.trials:
            first.setdefault(trial.key, trial)
        return list(first.values())

    def front(self) -> tuple[TrialRecord, ...]:
        """Feasible, non-dominated, distinct trials, by rising error, then by position.

        Raises StageOrderError without a trial, CapacityError if none fits the device.
        """
        if not self.count:
            rule, remedy = "must have at least one trial", "Run `qnas search`, or wait for it."
            raise StageOrderError(problem("the study", rule, "none", remedy))
        feasible = [trial for trial in self.distinct() if trial.feasible]
        if not feasible:
            raise CapacityError(self._nothing_fits())
        return self.front_of(feasible)

    def front_of(self, trials: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
        """The non-dominated trials among `trials`, by rising error, then by position."""
        mask = nondominated(self.minimised(trials))
        members = [trial for trial, keep in zip(trials, mask, strict=True) if keep]
        return tuple(sorted(members, key=lambda t: (t.values["error"], t.place)))

    def knee(self) -> TrialRecord:
        """The member of the front with the best balance: see `qnas.pareto.knee`."""
        front = self.front()
        return front[knee(self.minimised(front))]

    def box(self) -> Box:
        """The unit of hypervolume: the range of the first generation's trials, feasible or not.

        The unit is fixed once that generation is complete, so that hypervolumes are comparable
        between generations of a study and between runs of equal seeds.
        """
        first = [trial for trial in self.trials if trial.generation == self.trials[0].generation]
        return Box.around(self.minimised(first))

    def hypervolume(self, *, generation: int | None = None) -> float:
        """Volume dominated by the feasible trials up to `generation` (default: all)."""
        feasible = [
            t
            for t in self.trials
            if t.feasible and (generation is None or t.generation <= generation)
        ]
        return hypervolume(self.minimised(feasible), self.box())

    def _nothing_fits(self) -> str:
        """A message: the candidate whose worst violation is smallest, and what it violates."""
        everything = self.trials + self.infeasible
        closest = min(everything, key=lambda t: (max(t.constraints.values()), t.place))
        missed = sorted(((v, n) for n, v in closest.constraints.items() if v > 0), reverse=True)
        binds = ", ".join(f"{name} by {excess:.1%}" for excess, name in missed)
        return problem(
            "search",
            "must find a candidate within every limit",
            f"none in {len(everything)} trials; the closest ({closest.architecture.key}) misses"
            f" {binds}",
            "Choose a larger device, a smaller space or wider limits.",
        )


def front_csv(records: StudyRecords) -> str:
    """The text of front.csv, one row per member of the front: trial, key, objectives, constraints,
    batch, estimate, architecture (JSON).

    Objectives are in their own units, `<resource>_violation` is used / limit - 1, and the
    estimate's columns are cycles of a pass, images per second and amounts. With a calibration, the
    predicted kernel ("rtl" or "c++") follows, and value, lower and upper end of each predicted
    amount. Floats are exact.
    """
    stream = io.StringIO()
    rows = [_row(trial, records.objectives) for trial in records.front()]
    calibrated = any(t.predicted != Prediction.of(t.estimate) for t in records.front())
    names = [name for name in rows[0] if calibrated or not name.startswith("predicted_")]
    writer = csv.DictWriter(stream, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _row(trial: TrialRecord, objectives: Sequence[str]) -> dict[str, object]:
    estimate = trial.estimate
    return {
        "trial": trial.number,
        "key": trial.architecture.key,
        **{portable(name): trial.values[name] for name in objectives},
        **{f"{name}_violation": trial.constraints[name] for name in RESOURCES},
        "batch": estimate.batch,
        "estimate_cycles": estimate.cycles,
        "estimate_fps": estimate.fps,
        **{f"estimate_{name}": getattr(estimate.resources, name) for name in RESOURCES},
        "predicted_kernel": trial.predicted.backend,
        **{
            f"predicted_{name}{end and '_'}{end}": getattr(trial.predicted[name], end or "value")
            for name in ("cycles", "fps", *RESOURCES)
            for end in ("", "low", "high")
        },
        "dsp_share": trial.proposal.dsp_share,
        "architecture": canonical_json(trial.architecture),
    }
