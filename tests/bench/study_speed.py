"""Persisted trials a second of a study whose objectives are free, beside stock Optuna.

    python tests/bench/study_speed.py [--n 5000] [--stock 1000] [--json OUT]

The same genome (30 genes of three choices), three objectives and one constraint everywhere.
`qnas_journal`: our runner on the journal, `n` trials; `qnas_journal_last`: of its last tenth alone,
which tells whether speed falls with n. `optuna_journal`: `study.optimize` with Optuna's NSGA-II on
Optuna's journal file; `optuna_memory`: the same in memory. Stock Optuna makes `stock` trials, the
number after which it is measured (`at`), since it would take minutes for more. `trials_per_cpu_s`
counts processor time in place of the clock's, for machines that others use too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.cost.prediction import Prediction
from qnas.studies.config import SearchConfig
from qnas.studies.search.evaluation import Evaluation, Result
from qnas.studies.search.loop import SearchLoop
from qnas.studies.storage.journal import open_study

GENES = [f"gene{i}" for i in range(30)]
CHOICES = (0, 1, 2)
ESTIMATE = Estimate(1, 0, 200.0, Resources(), 0)
PREDICTED = Prediction.of(ESTIMATE)
POPULATION = 50


@dataclass(frozen=True)
class Point:
    """A proposal of the synthetic genome."""

    values: tuple[int, ...]

    @property
    def key(self) -> str:
        return "".join(map(str, self.values))


class Genes:
    """The synthetic genome, with what the runner asks of one."""

    def distributions(self) -> dict[str, BaseDistribution]:
        return {name: CategoricalDistribution(CHOICES) for name in GENES}

    def decode(self, params: dict[str, Any]) -> Point:
        return Point(tuple(params[name] for name in GENES))


def objectives(values: Sequence[int]) -> tuple[float, float, float]:
    thirds = (values[:10], values[10:20], values[20:])
    a, b, c = (sum((v - i) ** 2 for v in third) for i, third in enumerate(thirds))
    return float(a + sum(values) / 10), float(b - sum(values) / 10), float(c)


def evaluate(points: Sequence[Any]) -> list[Result]:
    return [
        Evaluation(objectives(p.values), {"size": sum(p.values) / 50 - 1}, ESTIMATE, PREDICTED)
        for p in points
    ]


Speeds = tuple[float, float]  # trials a second, by the clock and by the processor


class Clock:
    """Notes when each generation was written."""

    def __init__(self) -> None:
        self.seen = [(0, time.perf_counter(), time.process_time())]

    def stage(self, name: str, note: str) -> None: ...

    def advance(self, done: int, total: int, note: str) -> None:
        self.seen.append((done, time.perf_counter(), time.process_time()))

    def speeds(self, first: int) -> Speeds:
        """From trial `first` on."""
        begin, end = next(x for x in self.seen if x[0] >= first), self.seen[-1]
        trials = end[0] - begin[0]
        return trials / (end[1] - begin[1]), trials / (end[2] - begin[2])


def qnas_journal(folder: Path, n: int) -> dict[str, Speeds]:
    study = open_study(folder / "qnas", name="speed", directions=["minimize"] * 3)
    clock = Clock()
    config = SearchConfig(trials=n, population=POPULATION)
    genome: Any = Genes()
    SearchLoop(study, genome, config, 0, evaluate, clock).run()
    read = optuna.load_study(
        study_name="speed", storage=JournalStorage(JournalFileBackend(str(folder / "qnas")))
    )
    assert len(read.trials) == n
    return {"qnas_journal": clock.speeds(0), "qnas_journal_last": clock.speeds(n - n // 10)}


def stock(storage: Any, n: int) -> Speeds:
    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=0)
    study = optuna.create_study(storage=storage, sampler=sampler, directions=["minimize"] * 3)

    def objective(trial: optuna.Trial) -> tuple[float, float, float]:
        values = [trial.suggest_categorical(name, CHOICES) for name in GENES]
        trial.set_constraint("size", sum(values) / 50 - 1)
        return objectives(values)

    start, cpu = time.perf_counter(), time.process_time()
    study.optimize(objective, n_trials=n)
    return n / (time.perf_counter() - start), n / (time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--stock", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with TemporaryDirectory() as name:
        folder = Path(name)
        speeds = qnas_journal(folder, options.n)
        journal = JournalStorage(JournalFileBackend(str(folder / "stock")))
        speeds["optuna_journal"] = stock(journal, options.stock)
        speeds["optuna_memory"] = stock(InMemoryStorage(), options.stock)
    at = {name: options.n if name.startswith("qnas") else options.stock for name in speeds}
    for name, (speed, cpu_speed) in speeds.items():
        ratio = speeds["qnas_journal"][1] / cpu_speed
        print(
            f"{name:18} {speed:7.1f} trials/s, {cpu_speed:7.1f} trials/CPU s at n = {at[name]:,}"
            f"  (qnas_journal: {ratio:.1f} x)"
        )
    if options.json:
        found = {
            "n": options.n,
            "at": at,
            "trials_per_s": {name: speed for name, (speed, _) in speeds.items()},
            "trials_per_cpu_s": {name: cpu for name, (_, cpu) in speeds.items()},
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
