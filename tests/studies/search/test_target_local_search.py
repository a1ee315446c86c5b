from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from qnas.studies.config import SearchConfig
from qnas.studies.progress import Silent
from qnas.studies.search.loop import SearchLoop
from qnas.studies.search.sampler import Params
from qnas.studies.search.target_local_search import FpsTargets
from qnas.studies.search.trials import TrialRecord, read_records
from qnas.studies.storage.journal import open_study
from tests.studies.analytic import (
    DIRECTIONS,
    GENOME,
    OBJECTIVES,
    evaluator,
    plan,
)

POPULATION, EVERY = 12, 4


def fps(params: Params) -> float | None:
    proposal = GENOME.decode(params)
    estimate = plan(proposal.architecture, proposal.dsp_share)[1]
    return estimate.fps if estimate.resources.lut <= 9000 else None


GENE, MOST = "block0.w8_qkv", max(GENOME.space.w8_eighths)


def raised(params: Params) -> Params:
    return {**params, GENE: MOST}


def search(
    path: Path,
    *,
    targets: tuple[int, ...],
    trials: int,
    seed: int = 0,
    every: int = EVERY,
    raises: bool = False,
) -> optuna.Study:
    study = open_study(path, name="small", directions=DIRECTIONS)
    config = SearchConfig(trials=trials, population=POPULATION, focus_every=every)
    found = FpsTargets(targets, speed=fps, error=0, raised=raised if raises else None)
    SearchLoop(study, GENOME, config, seed, evaluator(), Silent(), targets=found).run()
    return study


def records(study: optuna.Study) -> list[TrialRecord]:
    return read_records(study, GENOME, OBJECTIVES)


def best(study: optuna.Study, target: int) -> float:
    reaching = [t for t in records(study) if t.values and t.feasible and t.estimate.fps >= target]
    return min(t.values["error"] for t in reaching)


def speeds() -> tuple[int, int]:
    """A middling and a hard target: of 200 candidates drawn at random."""
    random = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(directions=DIRECTIONS, sampler=random)
    drawn = [study.ask(GENOME.distributions()).params for _ in range(200)]
    made = sorted(s for s in map(fps, drawn) if s is not None)
    return int(made[len(made) // 2]), int(made[len(made) * 9 // 10])


def test_children_of_a_focused_generation_reach_their_targets(tmp_path: Path) -> None:
    targets = speeds()
    found = records(search(tmp_path / "a", targets=targets, trials=4 * POPULATION))
    focused = [t for t in found if t.generation == EVERY - 1]
    assert len(found) == 4 * POPULATION and len(focused) == POPULATION  # within the budget
    for trial in focused:
        assert trial.feasible and trial.values
        assert trial.estimate.fps >= targets[trial.slot % len(targets)]
    assert len({t.key for t in found}) == len(found)  # none is known already


def test_children_take_the_rows_that_cost_no_time(tmp_path: Path) -> None:
    """Unless the child that has them is known, or too slow."""
    targets = speeds()
    study = search(tmp_path / "a", targets=targets, trials=4 * POPULATION, raises=True)
    keys = {t.key for t in records(study)}
    focused = [t for t in study.trials if t.number >= (EVERY - 1) * POPULATION]
    for trial in focused:
        better = raised(trial.params)
        known = GENOME.decode(better).key in keys
        assert known or (fps(better) or 0) < max(targets)
    without = search(tmp_path / "b", targets=targets, trials=4 * POPULATION)
    counts = [sum(t.params[GENE] == MOST for t in x.trials[-POPULATION:]) for x in (study, without)]
    assert counts[0] > counts[1]


def test_the_same_again_resumed_or_not(tmp_path: Path) -> None:
    whole = search(tmp_path / "a", targets=speeds(), trials=60)
    search(tmp_path / "b", targets=speeds(), trials=41)  # ends within a focused generation
    resumed = search(tmp_path / "b", targets=speeds(), trials=60)
    assert [(t.place, t.key) for t in records(resumed)] == [
        (t.place, t.key) for t in records(whole)
    ]


def test_targets_gain_accuracy_for_the_same_budget(tmp_path: Path) -> None:
    targets, gains = speeds(), []
    for seed in range(4):
        with_focus, without = (
            search(tmp_path / f"{seed}{every}", targets=targets, trials=96, seed=seed, every=every)
            for every in (EVERY, 0)
        )
        gains += [best(without, target) - best(with_focus, target) for target in targets]
    assert sum(gains) > 0 and sum(g >= 0 for g in gains) > len(gains) / 2


def test_a_target_out_of_reach_pulls_towards_the_fastest(tmp_path: Path) -> None:
    found = records(search(tmp_path / "a", targets=(10**9,), trials=4 * POPULATION))
    valued = [t for t in found if t.values]
    fast = max(t.estimate.fps for t in valued if t.generation < EVERY - 1)
    focused = [t.estimate.fps for t in valued if t.generation == EVERY - 1]
    assert max(focused) >= fast * 0.9 and min(focused) > 0


@pytest.mark.parametrize("every", [1, -1])
def test_every_generation_cannot_be_focused(every: int) -> None:
    with pytest.raises(ValueError, match=r"search\.focus_every"):
        SearchConfig(focus_every=every)


def test_failed_and_refused_trials_breed_for_nobody(tmp_path: Path) -> None:
    study = search(tmp_path / "a", targets=speeds(), trials=8 * POPULATION)
    assert any(t.state == TrialState.PRUNED for t in study.trials)
    assert all(t.values for t in records(study) if t.generation in (3, 7))
