from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from qnas.architecture import Architecture
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.objectives.base import Candidate, Direction, ImageObjective
from qnas.objectives.hardware import LatencyObjective, ResourceObjective
from qnas.pareto import nondominated
from qnas.studies.config import SearchConfig, load_config
from qnas.studies.progress import Silent
from qnas.studies.results.front import StudyRecords, front_csv
from qnas.studies.run.run import Run
from qnas.studies.search.evaluation import Evaluate, Evaluator
from qnas.studies.search.loop import SearchLoop
from qnas.studies.search.racing import Race, RacingEvaluator, pack, unpack
from qnas.studies.search.sampler import EARLY_STOPPED
from qnas.studies.search.trials import read_records
from qnas.studies.storage.journal import open_study
from qnas.studies.workers.search_loop import races
from qnas.supernet.model import Supernet
from tests.studies.analytic import DIRECTIONS, GENOME, LIMITS, OBJECTIVES, SizeError, plan
from tests.tiny import TINY, digits

IMAGES = 200
ROOT = Path(__file__).resolve().parents[3]


class Shown:
    """An error of images: as many as SizeError says, the hard ones first, some by the subnet."""

    name, unit, images = "error", "%", IMAGES
    direction: Direction = "minimize"

    def __init__(self) -> None:
        self.shown, self._size = 0, SizeError()

    def flags(self, architecture: Architecture) -> NDArray[np.bool_]:
        (percent,) = self._size.evaluate(
            [Candidate.modelled(architecture, *plan(architecture, 1.0))]
        )
        random = np.random.default_rng(int(architecture.key[:8], 16))
        hardness = np.linspace(1, 0, IMAGES) + random.uniform(0, 0.3, IMAGES)
        wrong = np.zeros(IMAGES, dtype=bool)
        wrong[np.argsort(-hardness)[: round(percent * IMAGES / 100)]] = True
        return wrong

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        flags = self.flags(architecture)[order]
        over = np.flatnonzero(np.cumsum(flags) >= limit) if limit is not None else []
        stop = min(IMAGES, -(-(int(over[0]) + 1) // 10) * 10) if len(over) else IMAGES
        self.shown += stop
        return flags[:stop]

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [100 * self.flags(c.architecture).mean() for c in candidates]


def race(path: Path, error: Shown, *, trials: int = 100, racing: bool = True) -> optuna.Study:
    objectives = (error, LatencyObjective(), ResourceObjective("dsp", "DSPs"))
    evaluator = Evaluator(objectives, plan, LIMITS)

    def against(earlier: Sequence[FrozenTrial]) -> Evaluate:
        found = Race.against(earlier, IMAGES, error=0, signs=(1, 1, 1))
        return RacingEvaluator(evaluator, error, found)

    study = open_study(path, name="small", directions=DIRECTIONS)
    config = SearchConfig(trials=trials, population=10, racing=racing)
    against_earlier = against if racing else None
    SearchLoop(study, GENOME, config, 0, evaluator, Silent(), race=against_earlier).run()
    return study


def test_a_race_loses_no_member_of_the_front_and_saves_images(tmp_path: Path) -> None:
    error = Shown()
    study = race(tmp_path / "a", error)
    records = StudyRecords.of(OBJECTIVES, read_records(study, GENOME, OBJECTIVES))
    assert records.count == 100 and records.early_stopped
    every = [t for t in (*records.trials, *records.early_stopped) if t.feasible]
    truth = [
        (100 * error.flags(t.architecture).mean(), t.estimate.latency_ms, t.estimate.resources.dsp)
        for t in every
    ]
    front = {t.key for t, on in zip(every, nondominated(truth), strict=True) if on}
    assert front == {t.key for t in records.front()}  # values are those on all images
    for trial, (full, _, _) in zip(every, truth, strict=True):
        assert not trial.values or trial.values["error"] == pytest.approx(full)
    assert error.shown < 0.9 * IMAGES * len(every)


def test_a_race_is_resumed_exactly(tmp_path: Path) -> None:
    whole = race(tmp_path / "a", Shown())
    race(tmp_path / "b", Shown(), trials=47)
    resumed = race(tmp_path / "b", Shown())
    found = [read_records(study, GENOME, OBJECTIVES) for study in (whole, resumed)]
    assert [(t.place, t.key, t.values) for t in found[0]] == [
        (t.place, t.key, t.values) for t in found[1]
    ]
    assert len({front_csv(StudyRecords.of(OBJECTIVES, f)) for f in found}) == 1
    early_stopped = [t for t in resumed.trials if EARLY_STOPPED in t.user_attrs]
    assert early_stopped and all(t.state == TrialState.PRUNED for t in early_stopped)
    assert all(0 < t.user_attrs[EARLY_STOPPED]["images"] < IMAGES for t in early_stopped)


def test_the_errors_with_which_a_candidate_is_dominated() -> None:
    field = Race(np.arange(9), np.array([[1.0, 5.0], [2.0, 2.0]]), np.array([7, 4]))
    assert field.limit([0.5, 9]) is None  # cheaper than any
    assert field.limit([1.0, 6.0]) == 7
    assert field.limit([1.0, 5.0]) == 8  # as many errors at equal cost dominate nothing
    assert field.limit([3.0, 5.0]) == 4
    none_known_dead = Race(np.arange(9), np.zeros((0, 2)), np.zeros(0, dtype=np.int64))
    assert none_known_dead.limit([3.0, 5.0]) is None


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_flags_are_packed_and_back(flags: list[bool]) -> None:
    assert unpack(pack(np.array(flags)), len(flags)).tolist() == flags


def test_looking_in_parts_is_looking_at_all() -> None:
    images, labels = digits(150)
    evaluator = AccuracyEvaluator(Supernet(TINY, input_step=1 / 31), images, labels)
    arch, order = TINY.largest(), np.random.default_rng(0).permutation(150)
    whole = evaluator.wrong(arch, order, None)
    assert (1 - whole.mean()) == pytest.approx(evaluator.top1([arch])[0])
    for limit in (1, 5, 40):
        part = evaluator.wrong(arch, order, limit)
        assert (part == whole[: len(part)]).all() and part.sum() >= limit
        assert len(part) < 150  # an untrained network errs on nine of ten


def test_the_error_objective_is_one_of_images() -> None:
    from qnas.objectives.accuracy import ErrorObjective

    images, labels = digits(20)
    objective = ErrorObjective(AccuracyEvaluator(Supernet(TINY, input_step=1 / 31), images, labels))
    assert isinstance(objective, ImageObjective) and objective.images == 20
    assert not isinstance(LatencyObjective(), ImageObjective)


def test_racing_is_on_where_it_is_exact_and_saves_images(tmp_path: Path) -> None:
    def races_with(*objectives: str, **search: Any) -> bool:
        study = load_config("digits_zcu102")
        config = dataclasses.replace(study.search, **search)
        changed = dataclasses.replace(study, search=config, objectives=("error", *objectives))
        return races(Run(changed, tmp_path))

    assert races_with("latency", "dsp") and races_with("fps", "energy")
    assert not races_with("latency", racing=False)
    assert not races_with("latency", sampler="TPESampler")
    own = f"{ROOT / 'tests/own_code.py'}:STREAM"
    assert not races_with("latency", own) and races_with("latency", own, racing=True)
