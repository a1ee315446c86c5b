from __future__ import annotations

from random import Random

import pytest

from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.cost.prediction import Prediction
from qnas.architecture import Architecture
from qnas.space import SearchSpace
from qnas.studies.results.importance import LEAST, importances
from qnas.studies.search.genome import Proposal
from qnas.studies.search.trials import TrialRecord
from tests.studies.analytic import SPACE


def sampled(count: int, space: SearchSpace = SPACE) -> list[TrialRecord]:
    """Candidates whose error is the embed dim, and whose latency the sum of all heads."""
    rng, estimate = Random(0), Estimate(1, 0, 100.0, Resources(), 0)
    return [
        TrialRecord(
            n,
            0,
            n,
            Proposal(a, rng.choice((0.5, 1.0))),
            _values(a),
            {},
            estimate,
            Prediction.of(estimate),
        )
        for n in range(count)
        for a in [space.sample(rng)]
    ]


def _values(architecture: Architecture) -> dict[str, float]:
    heads = sum(block.num_heads for block in architecture.blocks[:1])
    return {"error": float(architecture.embed_dim), "latency": float(heads), "dsp": 3.0}


def test_the_gene_that_decides_is_found_and_the_others_are_not() -> None:
    error, latency = importances(("error", "latency", "dsp"), sampled(200))  # dsp never varies
    assert (error.objective, latency.objective) == ("error", "latency")
    assert error.share["embed dim"] == pytest.approx(1, abs=0.15) and error.explained > 0.9
    assert latency.share["heads"] > 0.6
    for found, gene in ((error, "embed dim"), (latency, "heads")):
        assert all(share < 0.1 for name, share in found.share.items() if name != gene)
    assert "8-bit rows of qkv" in error.share


def test_depth_does_not_speak_through_the_blocks_that_are_absent() -> None:
    (found,) = importances(("error",), [_deep(trial) for trial in sampled(200)])
    assert found.share["depth"] == pytest.approx(1, abs=0.15)


def _deep(trial: TrialRecord) -> TrialRecord:
    values = {"error": float(trial.architecture.depth)}
    return TrialRecord(
        trial.number, 0, trial.slot, trial.proposal, values, {}, trial.estimate, trial.predicted
    )


def test_equal_studies_give_equal_numbers_and_few_candidates_none() -> None:
    trials = sampled(LEAST)
    assert importances(("error",), trials) == importances(("error",), trials)
    assert importances(("error",), trials[1:]) == ()
