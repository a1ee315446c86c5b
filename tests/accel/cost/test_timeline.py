"""The timeline of a pass adds up to the plan's loops, fills and starts."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.timeline import UNIT_OF, timeline
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.spaces import load_space


@pytest.fixture(scope="module", params=[0, 1, 2, 3])
def plan(request: pytest.FixtureRequest) -> HardwarePlan:
    space = load_space("digits")
    share, batch = ((1.0, 1), (0.25, 1), (0.0625, 1), (0.25, 3))[request.param]
    arch = space.sample(Random(request.param))
    return best_plan(arch, load_device("zcu102"), share, batch=batch)[0]


def test_it_ends_with_the_estimate_and_holds_every_iteration(plan: HardwarePlan) -> None:
    found = timeline(plan)
    assert found.cycles == estimate(plan).cycles
    for stage in plan.stages:
        for loop in stage.loops:
            mine = [a for a in found.activities if (a.stage, a.loop) == (stage.name, loop.name)]
            unit = UNIT_OF[loop.name]
            assert sum(a.cycles for a in mine if a.unit == unit) == loop.trips


def test_no_unit_works_on_two_stages_at_once(plan: HardwarePlan) -> None:
    found = timeline(plan)
    for unit in set(UNIT_OF.values()):
        mine = [a for a in found.activities if a.unit == unit and a.cycles]
        for before, after in pairwise(mine):
            assert before.start + before.cycles <= after.start
        assert all(0 < a.busy <= a.cycles for a in mine)
        assert mine[-1].start + mine[-1].cycles <= found.cycles


def test_the_array_s_products_are_those_of_the_plan(plan: HardwarePlan) -> None:
    gemms = [stage for stage in plan.stages if stage.kind == "gemm"]
    steps = sum(s.row_tiles * s.token_tiles * s.beats for s in gemms) * plan.folding.batch
    found = timeline(plan)
    assert found.busy("array") == steps
    array = sum(a.cycles for a in found.activities if a.unit == "array")
    assert array + sum(found.idle_array().values()) == found.cycles
    assert found.idle_array()["fills and starts"] > 0
