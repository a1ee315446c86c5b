"""The analytic model: known answers of whole plans, and one price for plan and sweep alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.accel.cost.analytic import estimate, parts, price
from qnas.accel.cost.coefficients import (
    SOURCES,
    STAGE_CYCLES,
    START_CYCLES,
    Coefficients,
)
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.device import load_device
from qnas.accel.plan.depths import loop_depths
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import operation_trips
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import Multiplier
from qnas.accel.rtl.table import read_table
from qnas.architecture import Architecture
from qnas.errors import CapacityError
from qnas.operations import network_operations
from tests.accel.designs import PORT_BITS, architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2)


@pytest.mark.parametrize("bits", [6, 8])
def test_a_plan_costs_the_dsps_of_its_own_board(bits: int) -> None:
    """27 x 18 bits are one DSP48E2 and two DSP48E1: requantization and LayerNorm's scale; the
    array's packed products are cut to the ports and stay one."""
    arch = dataclasses.replace(tiny(), activation_bits=bits)
    folding = Folding(tm=8, tt=4, tk=8, vl=2, drain_pairs=2, score_pairs=2)
    plans = {name: lower(arch, load_device(name), folding) for name in ("zcu102", "pynq_z2")}
    used = {name: {p.name: p.dsp for p in parts(plan)} for name, plan in plans.items()}
    counts = {m.name: m.count for m in plans["pynq_z2"].multipliers}
    twice = {n for n in counts if used["pynq_z2"][n] == 2 * used["zcu102"][n] > 0}
    assert twice == {"requantize", "norm_scale", "norm_mean"}
    assert used["pynq_z2"]["requantize"] == 2 * counts["requantize"]
    for plan in plans.values():
        packed = next(m for m in plan.multipliers if m.name == "engine_packed")
        assert packed.a_bits <= plan.dsp_wide_bits and packed.b_bits <= plan.dsp_narrow_bits
        assert used[plan.device]["engine_packed"] == packed.count
        assert sum(used[plan.device].values()) == estimate(plan).resources.dsp


@pytest.mark.parametrize("inputs", [1, 2, 4, 8, 16])
def test_an_array_costs_what_was_measured(inputs: int) -> None:
    """The array of a plan, 2 slots x 2 tokens, beside its twin; the twin has its own control."""
    arch = dataclasses.replace(tiny(), embed_dim=400, patch_size=2)
    tt = min(2, inputs)
    plan = lower(arch, zcu102(), Folding(tm=2, tt=tt, tk=inputs, vl=1))
    part = next(p for p in parts(plan) if p.name == "dsp_lanes")
    twin = next(
        row
        for row in read_table()
        if row.block.kind == "array"
        and dict(row.block.parameters)
        == {"tm": 2, "tt": tt, "tk": inputs, "lut_slots": 0, "acc": 22, "wx": 6, "packed": 1}
    )
    wider = 2 * tt * (plan.accumulator_bits - 22)
    assert twin.lut - 10 <= part.lut - wider <= twin.lut
    assert twin.ff - 10 <= part.ff + 2 * 2 * tt * 22 <= twin.ff


def test_small_dsps_make_one_product_each() -> None:
    device = dataclasses.replace(zcu102(), dsp_wide_bits=12, dsp_narrow_bits=12)
    counts = {m.name: m.count for m in lower(tiny(), device, SMALL).multipliers}
    assert (counts["engine_packed"], counts["engine"]) == (0, 32)


def test_wider_activations_cost_what_they_take() -> None:
    """8-bit activations: half the products a DSP, wider operands, memories and accumulators."""
    folding = Folding(tm=8, tt=4, tk=8, vl=2, lut_slots=4)
    plans = {
        bits: lower(dataclasses.replace(tiny(), activation_bits=bits), zcu102(), folding)
        for bits in (6, 8)
    }
    used = {bits: {p.name: p for p in parts(plan)} for bits, plan in plans.items()}
    assert used[6]["engine_packed"].dsp * 2 == used[8]["engine_packed"].dsp == 2 * 4 * 8
    assert used[8]["engine_lut"].lut * 31 == used[6]["engine_lut"].lut * 42
    for name in ("lut_lanes", "accumulator"):
        assert used[8][name].ff > used[6][name].ff
    for name in ("act", "gelu", "lut_lanes", "activation_write", "transpose", "gelu_read"):
        assert used[8][name].lut > used[6][name].lut, name
    loops = {bits: {s.name: s.loop_cycles for s in plan.stages} for bits, plan in plans.items()}
    changed = {name for name in loops[6] if loops[6][name] != loops[8][name]}
    assert changed == {"block0.fc1"}, "only GELU's table is longer"


def test_every_coefficient_names_its_source() -> None:
    assert set(SOURCES) == {f.name for f in dataclasses.fields(Coefficients)}
    assert all(text.split(":")[0] for text in SOURCES.values())


def test_every_loop_has_its_depth() -> None:
    names = {
        loop.name
        for op in network_operations(tiny())
        for loop in operation_trips(op, SMALL, PORT_BITS)
    }
    assert names == set(loop_depths(tiny(), zcu102(), SMALL))


def test_tiny_cycles_by_hand() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    loops = [loop for stage in plan.stages for loop in stage.loops]
    depths = loop_depths(tiny(), zcu102(), SMALL)
    fills = sum(loop.entries * int(depths[loop.name]) for loop in loops)
    result = estimate(plan)
    assert result.loop_cycles == sum(loop.trips for loop in loops) - 18  # the hidden softmax
    assert result.fill_cycles == fills + 16 * STAGE_CYCLES
    assert result.cycles_first == result.cycles + START_CYCLES
    assert result.fps == pytest.approx(zcu102().clock_mhz * 1e6 / result.cycles)
    assert result.latency_ms == pytest.approx(result.cycles_first / zcu102().clock_mhz / 1e3)
    # 4 x 2 x 4 products, four a DSP, 2 requantizers; a vector lane takes 5; 2 + 2 + 2 + 2 for the
    # scales.
    assert result.resources.dsp == 8 + 2 + 2 * 5 + 8
    # Nothing but the root's table is deep: block RAM is that and the FIFOs of the three ports.
    assert [p.name for p in parts(plan) if p.bram18] == [
        *("port weights", "port image", "port logits", "exp", "rsqrt"),
    ]
    # Words of 128 bits, and three logits of 32.
    words = {p.name: p.words for p in plan.ports}
    assert result.dram_bits == 128 * (words["weights"] + words["image"]) + 32 * 3


@settings(deadline=None, max_examples=40)
@given(
    architectures(),
    st.lists(foldings(), min_size=1, max_size=6),
    st.sampled_from((64, 128, 256)),
)
def test_the_sweep_prices_the_plans(
    arch: Architecture, chosen: list[Folding], port_bits: int
) -> None:
    """Rule 2 of the design: what the search prices is what `lower` would build."""
    enough = {"dram_gbytes_per_s": 100.0, "axi_ports": 6}
    device = dataclasses.replace(zcu102(), port_bits=port_bits, **enough)
    columns = {
        field.name: np.array([getattr(f, field.name) for f in chosen])
        for field in dataclasses.fields(Folding)
    }
    prices = price([arch], device, Folding(**columns))
    for index, folding in enumerate(chosen):
        assert prices.at(index) == estimate(lower(arch, device, folding))


@settings(deadline=None, max_examples=20)
@given(architectures(), foldings())
def test_parts_add_up(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    for resource in RESOURCES:
        total = sum(getattr(part, resource) for part in parts(plan))
        assert total == getattr(estimate(plan).resources, resource)


def test_lut_products_of_unmeasured_widths_are_refused() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    odd = dataclasses.replace(plan, multipliers=(Multiplier("odd", 8, 8, 1, "lut"),))
    with pytest.raises(CapacityError, match="odd"):
        estimate(odd)
