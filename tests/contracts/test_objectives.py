from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.objectives.base import Candidate, FunctionObjective, Objective
from qnas.objectives.registry import make_objectives, objective_info, objective_names
from qnas.testing import ObjectiveContract
from tests.tiny import TINY, digits


@pytest.fixture(scope="module")
def tiny_candidates() -> list[Candidate]:
    device = load_device("zcu102")
    archs = (TINY.smallest(), TINY.middle(), TINY.largest())
    return [Candidate.modelled(arch, *best_plan(arch, device)) for arch in archs]


class TestShipped(ObjectiveContract):
    @pytest.fixture(params=objective_names())
    def objective(self, request: pytest.FixtureRequest) -> Objective:
        from qnas.objectives.accuracy import AccuracyEvaluator
        from qnas.supernet.model import Supernet

        images, labels = digits(20)
        supernet = Supernet(TINY, input_step=1 / 31)
        supernet.initialise_steps(torch.from_numpy(images))
        evaluator = AccuracyEvaluator(supernet, images, labels)
        (objective,) = make_objectives([request.param], evaluator, load_device("zcu102"))
        info = objective_info(request.param)
        assert (objective.name, objective.unit) == (info.name, info.unit)
        assert objective.direction == info.direction
        return objective

    @pytest.fixture
    def candidates(self, tiny_candidates: list[Candidate]) -> Sequence[Candidate]:
        return tiny_candidates


class TestFunction(ObjectiveContract):
    @pytest.fixture
    def objective(self) -> Objective:
        return FunctionObjective("depth", "blocks", "minimize", lambda c: c.architecture.depth)

    @pytest.fixture
    def candidates(self, tiny_candidates: list[Candidate]) -> Sequence[Candidate]:
        return tiny_candidates
