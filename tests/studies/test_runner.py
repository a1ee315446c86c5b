from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from qnas.errors import CapacityError, CheckpointError, ConfigError, EvaluationError
from qnas.objectives.base import Candidate
from qnas.objectives.cost.estimate import Estimate, Resources
from qnas.objectives.hardware import LatencyObjective
from qnas.studies.config import SearchConfig
from qnas.studies.evaluate import Bound, Evaluate, Evaluator, Result, constraints
from qnas.studies.front import StudyRecords, front_csv
from qnas.studies.genome import Genome, Proposal
from qnas.studies.progress import Silent
from qnas.studies.records import read_records
from qnas.studies.runner import SECONDS, Runner
from qnas.studies.sampler import Selection
from qnas.studies.seeding import read_seeds
from qnas.studies.storage import open_study
from tests.studies.analytic import (
    DIRECTIONS,
    FEW,
    GENOME,
    LIMITS,
    OBJECTIVES,
    SizeError,
    evaluator,
    plan,
    search,
)


def outcome(study: optuna.Study) -> list[tuple[str, dict[str, float], int]]:
    """What a study found, trial by trial, without the numbers that an interruption shifts."""
    records = read_records(study, GENOME, OBJECTIVES)
    return [(r.key, dict(r.values), r.generation) for r in records]


def csv(study: optuna.Study) -> list[str]:
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    return sorted(line.split(",", 1)[1] for line in front_csv(records).splitlines())


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
    """Fails what it is told to fail: by exception, or by a value."""

    name, unit, direction = "error", "%", SizeError.direction

    def __init__(self, mode: str, depth: int | None) -> None:
        self._mode, self._depth, self._inner = mode, depth, SizeError()

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        values = self._inner.evaluate(candidates)
        bad = [self._depth in (None, c.architecture.depth) for c in candidates]
        if self._mode == "raise" and any(bad):
            raise ArithmeticError("too deep")
        return [float("nan") if b else v for b, v in zip(bad, values, strict=True)]


@pytest.mark.parametrize("mode", ["raise", "nan"])
def test_a_candidate_that_fails_fails_alone_and_says_why(mode: str, tmp_path: Path) -> None:
    study = search(tmp_path / "a", trials=30, evaluate=evaluator(Breaking(mode, depth=2)))
    complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
    failed = [t for t in study.trials if t.state == TrialState.FAIL]
    refused = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert len(complete) + len(refused) == 30
    assert all(max(t.constraints.values()) > 0 and t.values is None for t in refused)
    assert failed
    assert all(t.params["depth"] == 1 for t in complete)
    assert all(("too deep" in t.user_attrs["reason"]) == (mode == "raise") for t in failed)
    assert all(t.params["depth"] == 2 and t.values is None for t in failed)


def test_twenty_failures_in_a_row_end_the_search(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"20 failed trials.*too deep"):
        search(tmp_path / "a", trials=200, evaluate=evaluator(Breaking("raise", depth=None)))
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
    assert sum(t.state == TrialState.FAIL for t in study.trials) == 20


def test_an_interruption_between_evaluation_and_tell_changes_nothing(tmp_path: Path) -> None:
    whole = outcome(search(tmp_path / "whole", trials=40))

    def stop_in_third(evaluate: Evaluate) -> Evaluate:
        calls = iter(range(100))

        def call(proposals: Sequence[Proposal]) -> list[Result]:
            if next(calls) == 2:
                raise KeyboardInterrupt
            return evaluate(proposals)

        return call

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "a", trials=40, wrap=stop_in_third)
    resumed = search(tmp_path / "a", trials=40)
    assert outcome(resumed) == whole
    assert not [t for t in resumed.trials if t.state == TrialState.RUNNING]
    assert resumed.user_attrs[SECONDS] > 0


SCRIPT = """
import sys, time
from pathlib import Path
from tests.studies.analytic import search

def slowly(evaluate):
    def call(proposals):
        time.sleep(0.05)
        return evaluate(proposals)
    return call

search(Path(sys.argv[1]), trials=int(sys.argv[2]), wrap=slowly)
"""


def test_kill_minus_nine_again_and_again_then_the_same_front(tmp_path: Path) -> None:
    whole = search(tmp_path / "whole", trials=60)
    journal, root = tmp_path / "killed", Path(__file__).parents[2]
    sizes = []
    for written in (8_000, 40_000, 60_000):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(journal), "60"], cwd=root)
        while not journal.exists() or journal.stat().st_size < written:
            assert process.poll() is None, "ended before it could be killed"
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        sizes.append(journal.stat().st_size)
    assert sizes == sorted(sizes)
    start = time.perf_counter()
    resumed = search(journal, trials=60)
    assert time.perf_counter() - start < 15, "waited for a dead process's lock"
    assert outcome(resumed) == outcome(whole)
    assert csv(resumed) == csv(whole)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    whole = outcome(search(tmp_path / "whole", trials=20))
    search(tmp_path / "torn", trials=14)
    content = (tmp_path / "torn").read_bytes()
    (tmp_path / "torn").write_bytes(content[:-25])
    assert outcome(search(tmp_path / "torn", trials=20)) == whole


def test_a_damaged_journal_is_a_clear_error(tmp_path: Path) -> None:
    for damage in ("this is no journal\nat all\n", "[]\n", "5\n", '{"op_code": 0}\n', "null\n"):
        (tmp_path / "a").write_text(damage)
        with pytest.raises(CheckpointError, match="Optuna journal"):
            open_study(tmp_path / "a", name="small", directions=DIRECTIONS)
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match="Optuna journal"):
        open_study(tmp_path / "folder", name="small", directions=DIRECTIONS)


def test_a_share_that_is_exceeded_is_a_violation_and_one_that_is_kept_is_none() -> None:
    estimate = Estimate(1, 0, 200.0, Resources(dsp=60), 0)
    limits = {**LIMITS, "dsp": 200}
    assert constraints(estimate, limits)["dsp"] == 60 / 200 - 1
    assert constraints(estimate, limits, dsp_share=0.3)["dsp"] == 60 / 200 - 1
    assert constraints(estimate, limits, dsp_share=0.25)["dsp"] == 60 / 50 - 1
    assert constraints(estimate, limits, dsp_share=0.001)["dsp"] == 60


def test_another_study_s_directions_are_a_clear_error(tmp_path: Path) -> None:
    search(tmp_path / "a", trials=2, population=2)
    with pytest.raises(CheckpointError, match="must hold a study"):
        open_study(tmp_path / "a", name="small", directions=("minimize", "maximize"))


def test_optuna_reads_from_the_journal_what_we_hold_in_memory(tmp_path: Path) -> None:
    """Ordinary trials: the file, read by Optuna's own backend, equals the study that wrote it."""
    ours = search(tmp_path / "a", trials=60)
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "a")))
    theirs = optuna.load_study(study_name="small", storage=storage)
    assert theirs.trials == ours.trials
    assert [t.number for t in theirs.trials] == list(range(60))
    assert all(t.constraints and len(t.params) == 15 for t in theirs.trials)
    refused = [t for t in theirs.trials if t.state == TrialState.PRUNED]
    assert refused and all(t.values is None and max(t.constraints.values()) > 0 for t in refused)
    # And Optuna's own NSGA-II goes on from there, with our last generation as its parents.
    theirs.sampler = optuna.samplers.NSGAIISampler(population_size=10, seed=0)
    asked = theirs.ask(GENOME.distributions()).number
    assert theirs.trials[asked].system_attrs["NSGAIISampler:generation"] >= 5


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
    bounds = (Bound(latency, 1.5e-3), Bound(error, 60.0))
    limited = Evaluator((error, latency), plan, LIMITS, bounds)
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS[:2])
    search = SearchConfig(trials=60, population=20)
    Runner(study, GENOME, search, 0, limited, Silent()).run()
    for trial in study.trials:
        if trial.state == TrialState.COMPLETE:
            assert trial.values[1] <= 1.5e-3
            assert trial.constraints["max_error"] == trial.values[0] / 60 - 1
        else:
            assert "max_error" not in trial.constraints
    refused = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert refused and any(t.constraints["max_latency"] > 0 for t in refused)
    assert error.asked == len({t.user_attrs["key"] for t in study.trials if t.values})


def test_limits_that_nobody_meets_end_the_study_early_with_what_binds(tmp_path: Path) -> None:
    error = SizeError()
    nobody = Evaluator((error, LatencyObjective()), plan, {**LIMITS, "lut": 3000})
    study = open_study(tmp_path / "a", name="small", directions=DIRECTIONS[:2])
    search = SearchConfig(trials=500, population=10)
    for _ in range(2):  # and again when it is resumed
        Runner(study, GENOME, search, 0, nobody, Silent()).run()
        assert len(study.trials) == 60 and error.asked == 0
    found = StudyRecords.of(OBJECTIVES[:2], read_records(study, GENOME, OBJECTIVES[:2]))
    with pytest.raises(CapacityError, match=r"none in 60 trials; the closest .* misses lut by 60"):
        found.front()  # 16 wide, 300 LUTs a column, is the smallest there is: 4800


def test_seeds_of_an_earlier_front_become_parents(tmp_path: Path) -> None:
    earlier = search(tmp_path / "earlier", trials=200, population=20)
    records = StudyRecords.of(OBJECTIVES, read_records(earlier, GENOME, OBJECTIVES))
    (tmp_path / "front.csv").write_text(front_csv(records))
    seeds = read_seeds(tmp_path / "front.csv", GENOME, most=6)
    assert len(seeds) == 6
    seeded = search(tmp_path / "seeded", trials=40, population=20, seeds=seeds)
    assert [t.params for t in seeded.trials[:6]] == seeds
    survivors = Selection(population_size=20).select(seeded, seeded.trials)
    assert sum(trial.number < 6 for trial in survivors) >= 4  # they bred, and breed on
    other = Genome(dataclasses.replace(GENOME.space, embed_dims=(40,)), (1.0,))
    with pytest.raises(ConfigError, match="none of"):
        read_seeds(tmp_path / "front.csv", other, most=6)
    with pytest.raises(ConfigError, match=r"front\.csv of a run"):
        read_seeds(tmp_path / "absent.csv", GENOME, most=6)
