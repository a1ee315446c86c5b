"""The shipped spaces."""

from __future__ import annotations

import pytest

from qnas.space import SearchSpace
from qnas.spaces import load_space, space_names
from qnas.testing import SpaceContract


class TestShipped(SpaceContract):
    @pytest.fixture(params=space_names())
    def space(self, request: pytest.FixtureRequest) -> SearchSpace:
        return load_space(request.param)
