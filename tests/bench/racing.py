"""What racing saves: the front of a search with it beside one without, and the images each used.

    python tests/bench/racing.py [--run runs/digits_zcu102] [--seeds 3] [--trials 1000] [--json OUT]

On digits' trained supernet (`--run`: a run directory that `qnas train` has filled; without one it
trains for `--epochs` epochs first), both searches have the same trials, population and seed. Every
subnet is looked at in full once and remembered, so that the benchmark costs no more than the full
search; what counts are the images that each search would have looked at. Hypervolume is of the
front's values on all images, reference the worst of either search. `lost` counts the candidates
dropped from a race that belong to the front of all that the racing search proposed: by design none.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.objectives.accuracy import FIRST_PART, GROWTH, AccuracyEvaluator
from qnas.objectives.base import Candidate, Direction
from qnas.objectives.hardware import LatencyObjective, ResourceObjective
from qnas.pareto import Box, hypervolume, nondominated
from qnas.studies.config import Study, load_config
from qnas.studies.progress import Silent
from qnas.studies.results.front import StudyRecords
from qnas.studies.run.manifest import read_manifest
from qnas.studies.run.opening import writable_run
from qnas.studies.run.run import Run
from qnas.studies.search.evaluation import Evaluate, Evaluator
from qnas.studies.search.loop import SearchLoop
from qnas.studies.search.racing import Race, RacingEvaluator
from qnas.studies.search.trials import TrialRecord, read_records
from qnas.studies.stages import pipeline as stages
from qnas.studies.storage.journal import open_study

OBJECTIVES = ("error", "latency", "dsp")


class Remembered:
    """The error on images, each subnet looked at once; counts what a search asks to see."""

    name, unit = "error", "%"
    direction: Direction = "minimize"

    def __init__(self, evaluator: AccuracyEvaluator) -> None:
        self._evaluator, self.images = evaluator, len(evaluator)
        self._flags: dict[str, NDArray[np.bool_]] = {}
        self.asked: dict[str, int] = {}

    def flags(self, arch: Architecture) -> NDArray[np.bool_]:
        if arch.key not in self._flags:
            self._flags[arch.key] = self._evaluator.wrong(arch, np.arange(self.images), None)
        return self._flags[arch.key]

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        wrong, stop = self.flags(architecture)[order], self.images
        if limit is not None:
            stop = math.ceil(self.images / FIRST_PART)
            while stop < self.images and wrong[:stop].sum() < limit:
                stop = math.ceil(stop * GROWTH)
        stop = min(stop, self.images)
        self.asked[architecture.key] = max(stop, self.asked.get(architecture.key, 0))
        return wrong[:stop]

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        order = np.arange(self.images)
        return [100 * float(self.errors_on(c.architecture, order, None).mean()) for c in candidates]


def search(run: Run, error: Remembered, *, seed: int, trials: int, racing: bool) -> StudyRecords:
    objectives = (error, LatencyObjective(), ResourceObjective("dsp", "DSPs"))
    device = run.device
    limits = {name: limit for name, limit in device.limits().items()}
    evaluator = Evaluator(objectives, lambda a, share: best_plan(a, device, share), limits)

    def against(earlier: Sequence[FrozenTrial]) -> Evaluate:
        race = Race.against(earlier, error.images, error=0, signs=(1, 1, 1))
        return RacingEvaluator(evaluator, error, race)

    error.asked.clear()
    config = dataclasses.replace(run.config.search, trials=trials, racing=racing)
    with TemporaryDirectory() as folder:
        study = open_study(Path(folder) / "a", name="race", directions=["minimize"] * 3)
        race = against if racing else None
        SearchLoop(study, run.genome, config, seed, evaluator, Silent(), race=race).run()
        return StudyRecords.of(OBJECTIVES, read_records(study, run.genome, OBJECTIVES))


def compare(run: Run, error: Remembered, *, seed: int, trials: int) -> dict[str, float]:
    full = search(run, error, seed=seed, trials=trials, racing=False)
    full_images = sum(error.asked.values())
    raced = search(run, error, seed=seed, trials=trials, racing=True)
    images = sum(error.asked.values())

    def truth(trial: TrialRecord) -> tuple[float, float, float]:
        estimate = trial.estimate
        return (
            100 * float(error.flags(trial.architecture).mean()),
            estimate.latency_ms,
            float(estimate.resources.dsp),
        )

    proposed = [t for t in (*raced.trials, *raced.early_stopped) if t.feasible]
    on = nondominated([truth(t) for t in proposed])
    fronts = [records.minimised(records.front()) for records in (full, raced)]
    box = Box.around(np.concatenate([r.minimised(r.trials) for r in (full, raced)]))
    volumes = [hypervolume(front, box) for front in fronts]
    return {
        "images_full": full_images,
        "images_raced": images,
        "images_share": images / full_images,
        "hypervolume_share": volumes[1] / volumes[0],
        "dropped": len(raced.early_stopped),
        "lost": sum(1 for t, member in zip(proposed, on, strict=True) if member and not t.values),
    }


def trained(run: Path | None, folder: Path, epochs: int) -> Run:
    """The workspace of a trained run; of a fresh training in `folder` without one."""
    if run is not None:
        return Run(read_manifest(run / "manifest.json").config, run)
    config: Study = load_config("digits_zcu102")
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=epochs))
    with writable_run(config, runs=folder) as run:
        stages.train(run)
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        run = trained(options.run, Path(folder), options.epochs)
        error = Remembered(AccuracyEvaluator(run.supernet, *run.subset("search")))
        rows: list[dict[str, Any]] = []
        for seed in range(options.seeds):
            row = compare(run, error, seed=seed, trials=options.trials)
            rows.append({"seed": seed, **row})
            print(
                f"seed {seed}: {row['images_raced']:,} of {row['images_full']:,} images"
                f" ({row['images_share']:.1%}), {row['hypervolume_share']:.2%} of the"
                f" hypervolume, {row['dropped']} dropped, {row['lost']} of the front lost",
                flush=True,
            )
    medians = {
        name: float(np.median([row[name] for row in rows]))
        for name in ("images_share", "hypervolume_share")
    }
    print(
        f"median: {medians['images_share']:.1%} of the images,"
        f" {medians['hypervolume_share']:.2%} of the hypervolume"
    )
    if options.json:
        found = {"trials": options.trials, "median": medians, "seeds": rows}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
