"""Comparison of studies: their fronts in the shared objectives, with one reference point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnas.accel.cost.prediction import KERNEL_OF
from qnas.errors import ConfigError, problem
from qnas.pareto import Box, Points, hypervolume, nondominated
from qnas.studies.results.front import StudyRecords
from qnas.studies.run.manifest import Manifest
from qnas.studies.run.opening import read_run
from qnas.studies.run.run_directory import RunDirectory
from qnas.studies.search.trials import TrialRecord

BEYOND = 0.1  # distance of the reference point from the worst values, as a share of the range
QUARTERS = (0.25, 0.5, 0.75)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run of a comparison, with a unique `label`."""

    label: str
    manifest: Manifest
    records: StudyRecords

    @property
    def front(self) -> tuple[TrialRecord, ...]:
        return self.records.front()

    @property
    def device(self) -> str:
        return self.manifest.device.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of runs in their shared objectives.

    The records of `runs` contain only `objectives`, which all runs share. `box` is the range of the
    fronts, extended by BEYOND at the worst end; hypervolumes are shares of it. `targets` are in
    FPS.
    """

    runs: tuple[ComparedRun, ...]
    objectives: tuple[str, ...]
    box: Box
    targets: tuple[float, ...]
    cautions: tuple[str, ...]

    def volume(self, run: ComparedRun, *, generation: int | None = None) -> float:
        """Hypervolume of a run's feasible trials up to `generation` (default: all)."""
        trials = [
            t
            for t in run.records.trials
            if t.feasible and (generation is None or t.generation <= generation)
        ]
        return hypervolume(run.records.minimised(trials), self.box)

    def beaten(self, run: ComparedRun) -> float:
        """The share of a run's front that the fronts of the other runs dominate."""
        others = [other.records.minimised(other.front) for other in self.runs if other is not run]
        points = run.records.minimised(run.front)
        return float(np.mean([_dominated(point, np.concatenate(others)) for point in points]))

    def best(self, run: ComparedRun, target: float) -> TrialRecord | None:
        """The most accurate member of a run's front with at least `target` FPS; on ties the
        fastest."""
        reaching = [trial for trial in run.front if trial.fps >= target]
        return min(reaching, key=lambda t: (t.values["error"], -t.fps), default=None)


def compare(
    folders: Sequence[Path], *, fps: Sequence[float] = (), trust: bool = False
) -> Comparison:
    """Read the runs in `folders` and compare them with `side_by_side`.

    Python files that they name are executed only with `trust`. Raises ConfigError for fewer than
    two runs, for a folder that is no run, and for a run that cannot be read without `trust`.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        rule = "must be two or more different runs"
        found = ", ".join(map(str, folders)) or "none"
        raise ConfigError(problem("compare", rule, found, "Give directories like runs/NAME."))
    labels = _labels(folders)
    return side_by_side(
        [_read(f, label, trust=trust) for f, label in zip(folders, labels, strict=True)], fps=fps
    )


def side_by_side(read: Sequence[ComparedRun], *, fps: Sequence[float] = ()) -> Comparison:
    """Compare runs in their shared objectives, at `fps` or at their own targets.

    Raises ConfigError for runs on different data and for runs that share fewer than two objectives,
    CapacityError for a run in which nothing fits the device.
    """
    objectives = _shared(read)
    runs = tuple(
        ComparedRun(run.label, run.manifest, StudyRecords(objectives, run.records.trials))
        for run in read
    )
    points = np.concatenate([run.records.minimised(run.front) for run in runs])
    return Comparison(runs, objectives, _box(points), _targets(runs, fps), tuple(_cautions(runs)))


def _read(folder: Path, label: str, *, trust: bool) -> ComparedRun:
    files = RunDirectory(folder)
    if not (files.manifest.is_file() and files.journal.is_file()):
        remedy = "Give a directory like runs/NAME; `qnas search` makes its journal."
        raise ConfigError(problem("compare", "must be the directory of a run", folder, remedy))
    run = read_run(folder, trust=trust)
    return ComparedRun(label, run.manifest, run.searched_records("compare"))


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' names, preceded by as many parent folders as make them unique."""
    for length in range(1, max(len(folder.resolve().parts) for folder in folders)):
        names = ["/".join(folder.resolve().parts[-length:]) for folder in folders]
        if len(set(names)) == len(names):
            break
    return names


def _shared(runs: Sequence[ComparedRun]) -> tuple[str, ...]:
    first, *others = runs
    for run in others:
        if run.manifest.data.digest != first.manifest.data.digest:
            rule = f"must be measured on the data of {first.label} ({first.manifest.data.name})"
            remedy = "Errors on other images do not compare."
            raise ConfigError(problem(run.label, rule, run.manifest.data.name, remedy))
    shared = tuple(
        name
        for name in first.records.objectives
        if all(name in run.records.objectives for run in others)
    )
    if len(shared) < 2:
        rule = "must share two objectives or more"
        found = ", ".join(shared) or "none"
        remedy = "Compare studies of the same aims."
        raise ConfigError(problem("compare", rule, found, remedy))
    return shared


def _box(points: Points) -> Box:
    """The fronts' range, with the reference point beyond it so that the ends of the fronts
    contribute."""
    best, worst = points.min(axis=0), points.max(axis=0)
    return Box(tuple(best.tolist()), tuple((worst + BEYOND * (worst - best)).tolist()))


def _targets(runs: Sequence[ComparedRun], fps: Sequence[float]) -> tuple[float, ...]:
    """The targets `fps`, or else the studies' own, or else quartiles of the fronts."""
    own = {float(target) for run in runs for target in run.manifest.config.fps_targets}
    if found := {*fps} or own:
        return tuple(sorted(found))
    speeds = [trial.fps for run in runs for trial in run.front]
    return tuple(float(f"{speed:.2g}") for speed in np.quantile(speeds, QUARTERS))


def _cautions(runs: Sequence[ComparedRun]) -> list[str]:
    first, *others = runs
    found = []
    if any(run.manifest.splits.digest != first.manifest.splits.digest for run in others):
        found.append("The errors were measured on different images: the studies' splits differ.")
    if any(run.device != first.device for run in others):
        found.append("The studies are for different devices: what fits one may not fit the other.")
    batches = {run.records.batch for run in runs}
    if len(batches) > 1:
        found.append(
            "FPS and latency are those of passes of different numbers of images: "
            + ", ".join(f"{run.records.batch} in {run.label}" for run in runs)
            + "."
        )
    backends = [run.records.trials[0].predicted.backend for run in runs]
    if len(set(backends)) > 1:
        found.append(
            "Cycles and resources are those of different kernels: "
            + ", ".join(f"{KERNEL_OF[b]} in {r.label}" for b, r in zip(backends, runs, strict=True))
            + "."
        )
    if any(run.manifest.space.digest != first.manifest.space.digest for run in others):
        found.append("The studies search different spaces, with a supernet each.")
    return found


def _dominated(point: Points, others: Points) -> bool:
    return not nondominated(np.concatenate([others, point[None]]))[-1]
