"""What a softmax and products of the array do side by side is priced as the longer side."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.breakdown import slices
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan, Loop
from qnas.architecture import Architecture, BlockSpec
from tests.accel.designs import architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2, head_buffers=2)


def _three_heads(folding: Folding) -> HardwarePlan:
    block = tiny().blocks[0]
    arch = replace(tiny(), blocks=(BlockSpec(3, block.mlp_hidden, block.w8),))
    return lower(arch, zcu102(), folding)


def _softmaxes(plan: HardwarePlan) -> list[Loop]:
    return [loop for stage in plan.stages for loop in stage.loops if loop.name == "softmax"]


def test_three_heads_by_hand() -> None:
    # test_lower's tiny plan: scores 3 + 18 + 1 iterations, attend 5 + 14 + 2, a softmax 18: beside
    # either it is hidden, and needs no entry of its own. The first is always beside the values.
    plan = _three_heads(SMALL)
    found = _softmaxes(plan)
    assert [(x.trips, x.hidden, x.entries) for x in found] == [(18, 18, 0)] * 3
    serial, both = estimate(_three_heads(replace(SMALL, head_buffers=1))), estimate(plan)
    assert serial.loop_cycles - both.loop_cycles == 2 * 18
    assert serial.fill_cycles - both.fill_cycles == 2 * found[0].depth
    # What is left of each softmax: the word that it reads first.
    left = [part for part in slices(plan) if part.kind == "softmax"]
    assert [part.loop_cycles for part in left] == [1, 1, 1]


def test_what_goes_beyond_the_products_takes_an_entry() -> None:
    """With one lane a softmax of 5 queries takes 30 iterations; the first has the values and scores
    beside it, the last `attend` alone, which takes 21."""
    found = _softmaxes(_three_heads(replace(SMALL, vl=1)))
    assert [(x.trips, x.hidden, x.entries) for x in found] == [
        (30, 30, 0),
        (30, 30, 0),
        (30, 21, 1),
    ]


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_two_buffers_are_never_slower(arch: Architecture, folding: Folding) -> None:
    one, two = (
        estimate(lower(arch, zcu102(), replace(folding, head_buffers=heads))) for heads in (1, 2)
    )
    several = max(block.num_heads for block in arch.blocks) > 1
    assert (two.cycles < one.cycles) if several else (two.cycles == one.cycles)
    assert two.resources.bram18 >= one.resources.bram18
    assert two.dram_bits == one.dram_bits
