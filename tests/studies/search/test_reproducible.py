"""The public sampler in plain studies of Optuna's: threads, processes, kills, failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import TrialState

import qnas
from qnas.errors import EvaluationError
from qnas.pareto import Box, hypervolume
from qnas.studies.search.sampler import is_ours, place_of

ROOT = Path(__file__).resolve().parents[3]
DIRECTIONS = ["minimize", "maximize"]
Objective = Callable[[optuna.Trial], tuple[float, float]]
Found = dict[tuple[int, int], tuple[tuple[float, ...], dict[str, object]]]


def problem(trial: optuna.Trial) -> tuple[float, float]:
    """Two aims that pull apart, over every kind of parameter; some of it breaks a constraint."""
    x = trial.suggest_float("x", 0, 4)
    steps = trial.suggest_int("steps", 1, 64, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    trial.suggest_int("fixed", 3, 3)
    trial.set_constraint("size", x * steps - 100)
    return x**2 + steps / 64, 10 - (x - 3) ** 2 + {"a": 0, "b": 1, "c": 2}[kind]


def slow_problem(trial: optuna.Trial) -> tuple[float, float]:
    """As `problem`, and the later of two trials is often the first to end."""
    values = problem(trial)
    time.sleep(0.004 * (trial.number % 4))
    return values


def study(storage: BaseStorage | None = None, *, seed: int = 1, retries: int = 1) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = qnas.ReproducibleNSGAIISampler(seed=seed, population_size=8, retries=retries)
    return optuna.create_study(
        storage=storage or InMemoryStorage(),
        study_name="plain",
        directions=DIRECTIONS,
        sampler=sampler,
        load_if_exists=True,
    )


def found(of: optuna.Study, *, generations: int = 5) -> Found:
    """Values and parameters by place, of whole generations."""
    trials = [t for t in of.trials if t.state == TrialState.COMPLETE and is_ours(t)]
    assert all(len(t.values) == 2 for t in trials)
    places: Found = {}
    for trial in trials:
        result = (tuple(trial.values), trial.params)
        assert places.setdefault(place_of(trial), result) == result  # made twice, equal
    return {place: result for place, result in places.items() if place[0] < generations}


@pytest.fixture(scope="module")
def whole() -> Found:
    one = study()
    one.optimize(problem, n_trials=40)
    assert len(found(one)) == 40
    return found(one)


def test_threads_and_seeds(whole: Found) -> None:
    threads = study()
    threads.optimize(slow_problem, n_trials=40, n_jobs=4)
    assert found(threads) == whole
    other = study(seed=2)
    other.optimize(problem, n_trials=40)
    assert found(other) != whole


def test_it_searches(whole: Found) -> None:
    """Later generations dominate more than the first, random one, and keep the constraint."""
    points = {place: (values[0], -values[1]) for place, (values, _) in whole.items()}
    box = Box.around([point for place, point in points.items() if place[0] == 0])
    first, last = (
        hypervolume([point for place, point in points.items() if place[0] <= upto], box)
        for upto in (0, 4)
    )
    assert last > 1.1 * first
    late = [params for place, (_, params) in whole.items() if place[0] == 4]
    assert sum(p["x"] * p["steps"] <= 100 for p in late) >= 7  # type: ignore[operator]


@pytest.mark.parametrize("at", [0, 5, 8, 27])
def test_what_is_interrupted_goes_on_with_the_same(at: int, whole: Found) -> None:
    def interrupted(trial: optuna.Trial) -> tuple[float, float]:
        values = problem(trial)
        if trial.number == at:
            raise KeyboardInterrupt
        return values

    storage = InMemoryStorage()
    with pytest.raises(KeyboardInterrupt):
        study(storage).optimize(interrupted, n_trials=40)
    again = study(storage)
    again.optimize(problem, n_trials=40 - at)
    assert found(again) == whole


WORKER = """
import sys
from tests.studies.search.test_reproducible import kept_in, slow_problem, study
plain = study(kept_in(sys.argv[1]))
while sum(t.state.is_finished() for t in plain.get_trials(deepcopy=False)) < 40:
    plain.optimize(slow_problem, n_trials=1)
"""


def kept_in(journal: str) -> BaseStorage:
    """A storage whose lock, if its holder was killed, is taken over after 3 seconds, not 30."""
    lock = JournalFileSymlinkLock(journal, grace_period=3)
    return JournalStorage(JournalFileBackend(journal, lock_obj=lock))


def worker(journal: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, str(journal)], cwd=ROOT)


def test_processes_that_are_killed_and_others_find_the_same(whole: Found, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first, second = worker(journal), worker(journal)
    plain = study(kept_in(str(journal)))
    while sum(t.state.is_finished() for t in plain.get_trials(deepcopy=False)) < 12:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    third = worker(journal)
    assert second.wait(120) == third.wait(120) == 0
    plain.optimize(problem, n_trials=16)  # what the last of the two left open
    assert found(plain) == whole


def test_a_slot_that_fails_is_tried_again_and_then_given_to_another() -> None:
    def failing(trial: optuna.Trial) -> tuple[float, float]:
        values = problem(trial)
        if trial.params["kind"] == "c":
            raise ArithmeticError("c")
        return values

    plain = study(retries=1)
    plain.optimize(failing, n_trials=60, catch=ArithmeticError)
    failed = [t for t in plain.trials if t.state == TrialState.FAIL]
    assert failed and all(t.params["kind"] != "c" for t in plain.trials if t not in failed)
    by_place: dict[tuple[int, int], list[dict[str, object]]] = {}
    for trial in failed:
        by_place.setdefault(place_of(trial), []).append(trial.params)
    assert all(p[0] == p[1] for p in by_place.values() if len(p) > 1)
    last = place_of(plain.trials[-1])  # where the budget may end between the two
    assert all(len(p) % 2 == 0 for place, p in by_place.items() if place != last)
    again = study(retries=1)
    again.optimize(failing, n_trials=60, catch=ArithmeticError, n_jobs=3)
    assert found(again, generations=2) == found(plain, generations=2)


def test_asking_for_more_than_a_generation_before_telling_is_refused() -> None:
    plain = study()
    asked = [plain.ask() for _ in range(8)]
    with pytest.raises(EvaluationError, match="8 trials untold"):
        plain.ask()
    for trial in asked:
        plain.tell(trial, problem(trial))
    number = plain.ask().number
    assert place_of(plain.trials[number]) == (1, 0)


def test_settings_that_optuna_refuses_are_refused_and_torch_is_not_imported() -> None:
    with pytest.raises(ValueError, match="population_size"):
        qnas.ReproducibleNSGAIISampler(population_size=1)
    script = "import sys, qnas; qnas.ReproducibleNSGAIISampler(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
