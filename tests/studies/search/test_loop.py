from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.cost.prediction import Prediction
from qnas.errors import CapacityError, ConfigError, EvaluationError
from qnas.objectives.base import Candidate
from qnas.objectives.hardware import LatencyObjective
from qnas.studies.config import SearchConfig
from qnas.studies.progress import Silent
from qnas.studies.results.front import StudyRecords, front_csv
from qnas.studies.search.evaluation import Evaluation, Evaluator, UserLimit, constraints
from qnas.studies.search.genome import Genome
from qnas.studies.search.loop import Callback, SearchLoop
from qnas.studies.search.sampler import ParentSelection
from qnas.studies.search.starts import read_warm_start
from qnas.studies.search.trials import failed_trials, read_records
from qnas.studies.storage.journal import open_study
from qnas.studies.storage.stoppable import is_stopped, start_again
from tests.studies.analytic import (
    DIRECTIONS,
    FEW,
    GENOME,
    LIMITS,
    OBJECTIVES,
    SizeError,
    evaluator,
    outcome,
    plan,
    search,
)


def test_equal_seeds_find_the_same_and_others_do_not(tmp_path: Path) -> None:
    first, again = (search(tmp_path / name, trials=35) for name in "ab")
    other = search(tmp_path / "c", trials=35, seed=1)
    assert outcome(first) == outcome(again)
    assert outcome(first) != outcome(other)


def test_a_longer_search_begins_with_the_shorter_one(tmp_path: Path) -> None:
    short = outcome(search(tmp_path / "a", trials=23))
    grown = outcome(search(tmp_path / "a", trials=41))
    whole = outcome(search(tmp_path / "b", trials=41))
    assert len(short) == 23
    assert grown == whole
    assert grown[:23] == short


def test_children_descend_from_the_front(tmp_path: Path) -> None:
    """NSGA-II at work: later generations dominate more than the first, random one did."""
    study = search(tmp_path / "a", trials=120, population=20)
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    volumes = [records.hypervolume(generation=g) for g in range(6)]
    assert volumes == sorted(volumes)
    assert volumes[-1] > 1.1 * volumes[0]


def test_duplicates_are_answered_from_memory_also_after_a_resume(tmp_path: Path) -> None:
    error = SizeError()
    random = "RandomSampler"  # NSGA-II breeds hardly any
    search(tmp_path / "a", trials=60, evaluate=evaluator(error), sampler=random, space=FEW)
    study = search(tmp_path / "a", trials=150, evaluate=evaluator(error), sampler=random, space=FEW)
    records = read_records(study, FEW, OBJECTIVES)
    assert len({r.key for r in records}) < len(records)
    evaluated = [r for r in records if r.values]
    assert error.asked == len({r.key for r in evaluated})
    by_key: dict[str, object] = {}
    for record in records:
        assert by_key.setdefault(record.key, record.values) == record.values


class Breaking:
    """Fails what it is told to fail: by exception, by a value, or by their number."""

    name, unit, direction = "error", "%", SizeError.direction

    def __init__(self, mode: str, depth: int | None) -> None:
        self._mode, self._depth, self._inner = mode, depth, SizeError()

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        values = self._inner.evaluate(candidates)
        bad = [self._depth in (None, c.architecture.depth) for c in candidates]
        if self._mode == "raise" and any(bad):
            raise ArithmeticError("too deep")
        if self._mode == "exit" and any(bad):
            sys.exit("too deep")
        if self._mode == "more":  # first, so that every value behind it is another candidate's
            return [0.0] * any(bad) + values
        if self._mode == "fewer":
            return [v for b, v in zip(bad, values, strict=True) if not b]
        return [float("nan") if b else v for b, v in zip(bad, values, strict=True)]


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("raise", "objective: ArithmeticError: too deep"),
        ("exit", "objective: SystemExit: too deep"),
        ("nan", "objective error gave nan"),
        ("more", "`objective error` must return one value for each candidate; got 2 values for 1"),
        ("fewer", "`objective error` must return one value for each candidate; got 0 values for 1"),
    ],
)
def test_a_candidate_that_fails_fails_alone_and_says_why(
    mode: str, reason: str, tmp_path: Path
) -> None:
    study = search(tmp_path / "a", trials=30, evaluate=evaluator(Breaking(mode, depth=2)))
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    failed = [t for t in study.trials if t.state == TrialState.FAIL]
    infeasible = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert len(complete) + len(infeasible) == 30
    assert all(max(t.constraints.values()) > 0 and t.values is None for t in infeasible)
    assert failed
    assert all(t.params["depth"] == 1 for t in complete)
    assert all(reason in t.user_attrs["reason"] for t in failed)
    alone = evaluator()([GENOME.decode(t.params) for t in complete])
    own = [list(one.values) for one in alone if isinstance(one, Evaluation)]
    assert own == [t.values for t in complete]
    found = failed_trials(study)
    assert found and found.count == len(failed) and reason in found.first_reason
    assert all(t.params["depth"] == 2 and t.values is None for t in failed)


def test_a_failure_keeps_its_traceback_in_the_trial_and_in_the_log(tmp_path: Path) -> None:
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
    config, log = SearchConfig(trials=12, population=4), tmp_path / "failures.log"
    failing = evaluator(Breaking("raise", depth=2))
    SearchLoop(study, GENOME, config, 0, failing, Silent(), log=log).run()
    failed = [t for t in study.trials if t.state == TrialState.FAIL]
    assert failed and failed[0].user_attrs["traceback"].startswith("Traceback (most recent call")
    for trial in failed:
        text = trial.user_attrs["traceback"]
        assert 'raise ArithmeticError("too deep")' in text and __file__ in text
        assert text in log.read_text() and trial.user_attrs["key"] in log.read_text()
    assert log.read_text().count("Traceback (most recent call") == len(failed)


def test_a_callback_sees_each_new_trial_and_may_stop_the_search(tmp_path: Path) -> None:
    config, seen = SearchConfig(trials=40, population=8), list[int]()

    def stop_at_twelve(study: optuna.Study, trial: FrozenTrial) -> None:
        assert trial.state.is_finished()
        seen.append(trial.number)
        if len(seen) == 12:
            study.stop()

    def run(*callbacks: Callback) -> optuna.Study:
        study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
        start_again(study)
        SearchLoop(study, GENOME, config, 0, evaluator(), Silent(), callbacks=callbacks).run()
        return study

    stopped = run(stop_at_twelve)
    assert seen == list(range(16)) == [t.number for t in stopped.trials]  # two generations
    assert is_stopped(stopped) and len(run().trials) == 40
    whole = search(tmp_path / "b", trials=40, population=8)
    assert outcome(run()) == outcome(whole)


def test_twenty_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"20 failed trials.*too deep"):
        search(tmp_path / "a", trials=200, evaluate=evaluator(Breaking("raise", depth=None)))
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
    assert sum(t.state == TrialState.FAIL for t in study.trials) == 20


def test_a_share_that_is_exceeded_is_a_violation_and_one_that_is_kept_is_none() -> None:
    predicted = Prediction.of(Estimate(1, 0, 200.0, Resources(dsp=60), 0))
    limits = {**LIMITS, "dsp": 200}
    assert constraints(predicted, limits)["dsp"] == 60 / 200 - 1
    assert constraints(predicted, limits, dsp_share=0.3)["dsp"] == 60 / 200 - 1
    assert constraints(predicted, limits, dsp_share=0.25)["dsp"] == 60 / 50 - 1
    assert constraints(predicted, limits, dsp_share=0.001)["dsp"] == 60


@pytest.mark.parametrize("name", ["RandomSampler", "TPESampler", "NSGAIIISampler"])
def test_any_sampler_of_optuna_s_is_resumed_exactly(name: str, tmp_path: Path) -> None:
    whole = outcome(search(tmp_path / "a", trials=25, sampler=name))
    search(tmp_path / "b", trials=13, sampler=name)
    assert outcome(search(tmp_path / "b", trials=25, sampler=name)) == whole


def test_children_that_are_known_are_bred_again(tmp_path: Path) -> None:
    records = read_records(search(tmp_path / "a", trials=300), GENOME, OBJECTIVES)
    assert len({r.key for r in records}) >= 0.98 * len(records)


def test_a_study_s_own_limits_are_checked_before_accuracy_is_spent(tmp_path: Path) -> None:
    error, latency = SizeError(), LatencyObjective()
    bounds = (UserLimit(latency, 1.5e-3), UserLimit(error, 60.0))
    limited = Evaluator((error, latency), plan, LIMITS, bounds)
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS[:2])
    search = SearchConfig(trials=60, population=20)
    SearchLoop(study, GENOME, search, 0, limited, Silent()).run()
    for trial in study.trials:
        if trial.state == TrialState.COMPLETE:
            assert trial.values[1] <= 1.5e-3
            assert trial.constraints["max_error"] == trial.values[0] / 60 - 1
        else:
            assert "max_error" not in trial.constraints
    infeasible = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert infeasible and any(t.constraints["max_latency"] > 0 for t in infeasible)
    assert error.asked == len({t.user_attrs["key"] for t in study.trials if t.values})


def test_limits_that_nobody_meets_end_the_study_early_with_what_binds(tmp_path: Path) -> None:
    error = SizeError()
    none_known_dead = Evaluator((error, LatencyObjective()), plan, {**LIMITS, "lut": 3000})
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS[:2])
    search = SearchConfig(trials=500, population=10)
    for _ in range(2):  # and again when it is resumed
        SearchLoop(study, GENOME, search, 0, none_known_dead, Silent()).run()
        assert len(study.trials) == 60 and error.asked == 0
    found = StudyRecords.of(OBJECTIVES[:2], read_records(study, GENOME, OBJECTIVES[:2]))
    with pytest.raises(CapacityError, match=r"none in 60 trials; the closest .* misses lut by 60"):
        found.front()  # 16 wide, 300 LUTs a column, is the smallest there is: 4800


def test_seeds_of_an_earlier_front_become_parents(tmp_path: Path) -> None:
    earlier = search(tmp_path / "earlier", trials=200, population=20)
    records = StudyRecords.of(OBJECTIVES, read_records(earlier, GENOME, OBJECTIVES))
    (tmp_path / "front.csv").write_text(front_csv(records))
    warm_start = read_warm_start(tmp_path / "front.csv", GENOME, most=6)
    assert len(warm_start) == 6
    seeded = search(tmp_path / "seeded", trials=40, population=20, warm_start=warm_start)
    assert [t.params for t in seeded.trials[:6]] == warm_start
    survivors = ParentSelection(population_size=20).select(seeded, seeded.trials)
    assert sum(trial.number < 6 for trial in survivors) >= 4  # they bred, and breed on
    other = Genome(dataclasses.replace(GENOME.space, embed_dims=(40,)), (1.0,))
    with pytest.raises(ConfigError, match="none of"):
        read_warm_start(tmp_path / "front.csv", other, most=6)
    with pytest.raises(ConfigError, match=r"front\.csv of a run"):
        read_warm_start(tmp_path / "absent.csv", GENOME, most=6)
