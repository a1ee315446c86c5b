"""The fills of both back ends are those of PLAN.md, section 10."""

from __future__ import annotations

from itertools import groupby

import pytest

from qnas._util.units import ceil_div
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.coefficients import CALL_CYCLES, STAGE_CYCLES
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.accel.plan.ports import MEMORY_LATENCY_CYCLES
from qnas.accel.rtl.kernel.cycles import (
    cycles_of_first_pass,
    cycles_of_pass,
    stage_cycles,
)
from tests.accel.projects import random_design, small


def fill(plan: HardwarePlan, stage: Stage) -> int:
    """As the page has it."""
    f, series7 = plan.folding, plan.device == "pynq_z2"
    array, lanes = min(plan.packing.cascade, f.tk) + 6, (f.vl - 1).bit_length()
    if stage.kind.startswith("load"):
        return 3 if stage.kind == "load_patches" else 5
    if stage.kind == "layer_norm":
        return 50 + ceil_div(lanes, 2) + 4 * series7
    if stage.kind == "softmax":
        return 37 + lanes + ceil_div(lanes, 2)
    if stage.dst == "scores":
        return 10 + array
    if stage.dst == "attended":
        return 18 + array + 2 * series7
    port = plan.ports[-1]
    store = 6 + 2 * (ceil_div(port.words, port.burst) - 1) if stage.dst == "logits" else 0
    return 16 + array + store + 2 * series7


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("seed", range(12))
def test_a_stage_takes_its_trips_and_its_fill(seed: int, batch: int) -> None:
    plan = random_design(seed, batch=batch).plan
    for stage in plan.stages:
        row_tiles = stage.row_tiles * (1 if stage.left == "weights" else batch)
        if row_tiles > 1:  # waits that no formula has
            continue
        trips = sum(loop.trips for loop in stage.loops)
        assert stage_cycles(plan, stage) == trips + fill(plan, stage), stage.name


def cpp_fill(stage: Stage) -> int:
    """As the page has it: what a stage takes beyond its trips."""
    depth = {loop.name: loop.depth for loop in stage.loops}
    names = set(depth) & {"load", "parameters", "normalise", "table", "store"}
    if stage.kind == "gemm":
        names.add("tiles")
    if any(loop.name == "softmax" and loop.hidden < loop.trips for loop in stage.loops):
        names.add("softmax")
    return sum(depth[name] for name in names) + STAGE_CYCLES


@pytest.mark.parametrize("seed", range(12))
def test_the_cost_model_takes_the_fills_of_the_cpp(seed: int) -> None:
    plan = random_design(seed).plan
    assert estimate(plan).fill_cycles == sum(map(cpp_fill, plan.stages))


def test_the_first_pass_waits_for_memory_twice() -> None:
    plan = small().plan
    first, beside = estimate(plan).cycles_first, cycles_of_first_pass(plan)
    assert first - estimate(plan).cycles == 2 * MEMORY_LATENCY_CYCLES + CALL_CYCLES
    assert beside - cycles_of_pass(plan) == 2 * MEMORY_LATENCY_CYCLES - 1
    later = cycles_of_first_pass(plan, latency_cycles=MEMORY_LATENCY_CYCLES + 10)
    assert later == beside + 20


def test_a_pass_takes_its_stages_and_a_clock_between_them() -> None:
    plan = small().plan
    clocks = 1
    for _, group in groupby(plan.stages, lambda stage: stage.step):
        stages = list(group)
        one, *beside = (stage_cycles(plan, stage) for stage in stages)
        if beside:  # a softmax, and products that begin three clocks later
            assert stages[0].kind == "softmax"
        clocks += 1 + max(one, 3 + sum(beside) + len(beside) - 1 if beside else 0)
    assert cycles_of_pass(plan) == clocks
