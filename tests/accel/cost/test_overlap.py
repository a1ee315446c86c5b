"""What overlaps in a plan is priced as the longer side, and never more than one after the other."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.breakdown import slices
from qnas.accel.cost.coefficients import FILL_CYCLES
from qnas.accel.cost.overlap import overlaps_of_plan
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, BlockSpec
from tests.accel.designs import architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2, head_buffers=2)


def test_three_heads_by_hand() -> None:
    block = tiny().blocks[0]
    arch = replace(tiny(), blocks=(BlockSpec(3, block.mlp_hidden, block.w8),))
    plan = lower(arch, zcu102(), SMALL)
    # test_lower's tiny plan: scores 2 + 18 + 2 iterations, attend 4 + 12 + 2, each one fill. Of a
    # softmax 3 maxima pass alone, then 15 exponentials: 18, and the fills of both.
    scores, attend, softmax = 22, 18, 18
    found = list(overlaps_of_plan(plan))
    assert [x.softmax for x in found] == [f"block0.head{i}.softmax" for i in range(3)]
    beside = [scores, attend + scores, attend]
    assert [x.loops for x in found] == [min(softmax, other) for other in beside]
    fills = FILL_CYCLES["maximum"] + FILL_CYCLES["exponentials"]
    prefetch = FILL_CYCLES["prefetch"]
    assert [x.fills for x in found] == [min(fills, n * prefetch) for n in (1, 2, 1)]
    serial = estimate(lower(arch, zcu102(), replace(SMALL, head_buffers=1)))
    both = estimate(plan)
    assert serial.loop_cycles - both.loop_cycles == 3 * softmax
    assert serial.fill_cycles - both.fill_cycles == sum(x.fills for x in found)
    # What is left of each softmax: the word that it reads first.
    left = [part for part in slices(plan) if part.kind == "softmax"]
    assert [part.loop_cycles for part in left] == [1, 1, 1]


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_two_buffers_are_never_slower_nor_smaller(arch: Architecture, folding: Folding) -> None:
    one, two = (
        estimate(lower(arch, zcu102(), replace(folding, head_buffers=heads))) for heads in (1, 2)
    )
    several = max(block.num_heads for block in arch.blocks) > 1
    assert (two.cycles < one.cycles) if several else (two.cycles == one.cycles)
    assert two.resources.lut > one.resources.lut and two.resources.bram18 >= one.resources.bram18
    assert two.dram_bits == one.dram_bits
