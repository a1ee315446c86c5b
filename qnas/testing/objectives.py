"""The contract of every Objective."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import pytest

from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.objectives.base import Candidate, Direction, Objective
from qnas.spaces import load_space


class ObjectiveContract:
    """Tests of one Objective. Override the fixture `objective`.

    The fixture `candidates` gives the smallest, middle and largest subnet of `digits` on a ZCU102;
    override it with two or more candidates of different architectures.
    """

    @pytest.fixture
    def objective(self) -> Objective:
        raise NotImplementedError

    @pytest.fixture
    def candidates(self) -> Sequence[Candidate]:
        device = load_device("zcu102")
        subnets = load_space("digits").reference_subnets()
        return [Candidate.modelled(arch, *best_plan(arch, device)) for arch in subnets]

    def test_it_says_what_it_is(self, objective: Objective) -> None:
        assert objective.name and objective.unit
        assert objective.direction in get_args(Direction)

    def test_one_finite_number_a_candidate_in_their_order(
        self, objective: Objective, candidates: Sequence[Candidate]
    ) -> None:
        values = objective.evaluate(candidates)
        assert len(values) == len(candidates) >= 2
        assert all(isinstance(v, float) and math.isfinite(v) for v in values)
        assert objective.evaluate(candidates[::-1]) == values[::-1]

    def test_a_candidate_is_valued_the_same_alone_and_again(
        self, objective: Objective, candidates: Sequence[Candidate]
    ) -> None:
        together = objective.evaluate(candidates)
        assert [objective.evaluate([candidate])[0] for candidate in candidates] == together
        assert objective.evaluate([]) == []
