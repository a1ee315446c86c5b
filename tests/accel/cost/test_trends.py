"""What more of something does to the price of a plan, for any network and folding."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.accel.cost.analytic import estimate, parts
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, BlockSpec, W8Shares
from tests.accel.designs import architectures, foldings, zcu102


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings(), st.sampled_from(("tm", "tk")))
def test_more_engine_takes_more(arch: Architecture, folding: Folding, lanes: str) -> None:
    """Doubled lanes: no fewer DSPs, and more LUTs in every unit of the engine."""
    wider = dataclasses.replace(folding, **{lanes: 2 * getattr(folding, lanes)})
    before, after = (lower(arch, zcu102(), f) for f in (folding, wider))
    assert estimate(after).resources.dsp >= estimate(before).resources.dsp
    luts = [{p.name: p.lut for p in parts(plan)} for plan in (before, after)]
    for unit in ("lut_lanes", "dsp_lanes", "drain_select", "weight_write", "engine_lut"):
        assert luts[1][unit] >= luts[0][unit]


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings(), st.sampled_from(("tm", "tt", "tk")))
def test_more_lanes_never_multiply_longer(arch: Architecture, folding: Folding, lanes: str) -> None:
    """Beats fall or stay. Whole stages need not: more row slots take longer to drain and to load,
    which is why the search tries all sizes; and with a larger board it is never slower."""
    if lanes == "tt" and 2 * folding.tt > folding.tk:
        return
    wider = dataclasses.replace(folding, **{lanes: 2 * getattr(folding, lanes)})
    for before, after in zip(
        *(lower(arch, zcu102(), f).stages for f in (folding, wider)), strict=True
    ):
        beats = [s.row_tiles * s.token_tiles * s.beats for s in (before, after)]
        assert beats[1] <= beats[0]


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_more_vector_lanes_take_no_more_iterations(arch: Architecture, folding: Folding) -> None:
    if 2 * folding.vl > folding.tk:
        return
    before = estimate(lower(arch, zcu102(), folding))
    after = estimate(lower(arch, zcu102(), dataclasses.replace(folding, vl=2 * folding.vl)))
    assert after.loop_cycles <= before.loop_cycles  # trees of more lanes are deeper
    assert after.resources.dsp > before.resources.dsp


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings(), st.sampled_from(("qkv", "proj", "fc1", "fc2")))
def test_more_8_bit_rows_and_blocks_cost_more(
    arch: Architecture, folding: Folding, matrix: str
) -> None:
    block = arch.blocks[0]
    share = dataclasses.replace(block.w8, **{matrix: 8})
    heavier = (dataclasses.replace(block, w8=share), *arch.blocks[1:])
    deeper = (*arch.blocks, BlockSpec(1, 1, W8Shares(0, 0, 0, 0)))
    plans = [
        lower(dataclasses.replace(arch, blocks=blocks), zcu102(), folding)
        for blocks in (arch.blocks, heavier, deeper)
    ]
    # Of the array: where draining takes longer than multiplying, 8-bit rows may help, as they leave
    # fewer rows to a tile.
    work = [sum(s.row_tiles * s.token_tiles * s.beats for s in plan.stages) for plan in plans]
    assert work[1] >= work[0]
    assert estimate(plans[2]).loop_cycles > estimate(plans[0]).loop_cycles


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings(), st.integers(2, 64))
def test_a_pass_takes_less_than_its_images_one_by_one(
    arch: Architecture, folding: Folding, batch: int
) -> None:
    one, many = (
        estimate(lower(arch, zcu102(), dataclasses.replace(folding, batch=n))) for n in (1, batch)
    )
    assert one.cycles < many.cycles < batch * one.cycles
    assert many.dram_bits < batch * one.dram_bits and many.start_cycles == one.start_cycles
    assert many.resources.dsp == one.resources.dsp
    assert many.fps == batch * 1e6 * many.clock_mhz / many.cycles > one.fps
    assert many.latency_ms > one.latency_ms


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_more_tokens_cost_more(arch: Architecture, folding: Folding) -> None:
    """The same network on larger images, its patches of the same size."""
    larger = dataclasses.replace(arch, image_size=arch.image_size + arch.patch_size)
    plans = [lower(a, zcu102(), folding) for a in (arch, larger)]
    before, after = (estimate(plan) for plan in plans)
    assert after.loop_cycles > before.loop_cycles
    assert after.dram_bits > before.dram_bits
    # A memory that grows may move from LUTs into block RAM, so it is its bits that are compared.
    for small, large in zip(*(plan.buffers for plan in plans), strict=True):
        assert large.banks * large.bits * large.depth >= small.banks * small.bits * small.depth
