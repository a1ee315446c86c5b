"""What every Objective must hold. A new one inherits this by giving two fixtures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import pytest

from qnas.objectives.base import Candidate, Direction, Objective


class ObjectiveContract:
    """Give `objective` and `candidates`: at least two, of different architectures."""

    @pytest.fixture
    def objective(self) -> Objective:
        raise NotImplementedError

    @pytest.fixture
    def candidates(self) -> Sequence[Candidate]:
        raise NotImplementedError

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
