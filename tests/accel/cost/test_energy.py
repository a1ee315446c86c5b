"""The energy model: known answers, sources, and what must make it grow."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.energy import (
    DEFAULT,
    SOURCES,
    Energy,
    EnergyCoefficients,
    energy,
    memory_bits,
    memory_traffic,
)
from qnas.accel.cost.prediction import Range
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, W8Shares
from qnas.objectives.base import Candidate
from qnas.objectives.hardware import EnergyObjective
from qnas.objectives.registry import objective_info
from qnas.operations import Gemm, network_operations
from qnas.spaces import load_space
from tests.accel.designs import architectures, foldings, tiny, zcu102

SMALL = Folding(tm=4, tt=2, tk=4, vl=2)


def _energy(arch: Architecture, folding: Folding = SMALL) -> Energy:
    plan = lower(arch, zcu102(), folding)
    return energy(plan, zcu102(), estimate(plan))


def test_every_coefficient_names_its_source() -> None:
    assert set(SOURCES) == {field.name for field in dataclasses.fields(EnergyCoefficients)}


def test_scaled_coefficients_follow_from_the_figures_they_name() -> None:
    scale = 16 / 45 * (0.85 / 0.9) ** 2 * 14
    assert pytest.approx((0.2 * 24 / 64 + 0.1 * 22 / 32) * scale, rel=0.01) == DEFAULT.atom_pj
    assert pytest.approx(3.1 * 27 * 18 / 1024 * scale, rel=0.01) == DEFAULT.wide_product_pj
    assert pytest.approx(10 / 64 * scale, rel=0.01) == DEFAULT.memory_pj_per_bit
    assert pytest.approx(1300 / 64, rel=0.02) == DEFAULT.ddr_pj_per_bit


def test_array_memory_and_leakage_by_hand() -> None:
    arch, device = tiny(), zcu102()
    plan = lower(arch, device, SMALL)
    found = _energy(arch)
    atoms = sum(op.atoms for op in network_operations(arch) if isinstance(op, Gemm))
    assert found.array_mj == pytest.approx(atoms * 0.64e-9)
    assert found.dram_mj == pytest.approx(estimate(plan).dram_bits * 20e-9)
    assert found.static_mj == pytest.approx(274080 * 2.5e-6 * 1e3 / estimate(plan).fps)
    assert found.memory_mj == pytest.approx(memory_bits(plan) * 0.69e-9)
    assert sum(dataclasses.astuple(found)) == pytest.approx(found.total_mj)


def test_traffic_of_stages_by_hand() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    moved = {stage.name: memory_traffic(stage, plan) for stage in plan.stages}
    # 5 tokens of 8 channels, two lanes: four vectors a token. A word of 128 bits holds two
    # parameters; one goes before them.
    assert moved["block0.norm1"] == {
        "stream": 2 * 5 * 128,
        "residual": 40 * 16,
        "residual_delay": 2 * 20 * 2 * 16,
        "act": 40 * 6,
        "norm_param": (8 + 40) * 54,
        "rsqrt": 5 * 16,
    }
    # Keys of 4 channels and 5 tokens, against 5 queries: 3 row tiles, 3 token tiles, 1 beat.
    assert +moved["block0.head0.scores"] == {
        "act": 9 * 2 * 4 * 6,
        "weight": (9 + 3) * 4 * 4 * 4,
        "key": 5 * 4 * 8,
        "score": 25 * plan.score_bits,
    }
    softmax = moved["block0.head0.softmax"]
    assert softmax["score"] == 25 * plan.score_bits
    assert softmax["score_delay"] == 2 * 5 * 3 * 2 * plan.score_bits
    assert moved["block0.head0.attend"]["query_scale"] == 3 * 2 * 2 * 24
    assert moved["head"]["logit"] == 2 * 3 * 32
    # 12 hidden channels, half of two nibbles: 5 row tiles of 3 rows, drained in 3 token tiles.
    assert moved["block0.fc1"]["row_param"] == 5 * 3 * (1 + 3) * 64
    assert moved["block0.fc1"]["gelu"] == (2 * 256 + 12 * 5) * 6


@settings(deadline=None, max_examples=20)
@given(architectures(), foldings())
def test_every_memory_of_a_plan_is_counted(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    total = sum((memory_traffic(stage, plan) for stage in plan.stages), Counter())
    memories = {b.name for b in plan.buffers if b.storage != "registers"}
    assert {name for name, bits in total.items() if bits > 0} == memories
    words = sum(stage.stream_words for stage in plan.stages)
    assert total["stream"] == 2 * words * plan.stream_bits
    assert memory_bits(plan) == total.total() + 2 * estimate(plan).dram_bits


def test_images_of_a_pass_share_the_weights_and_no_work() -> None:
    alone, together = _energy(tiny()), _energy(tiny(), dataclasses.replace(SMALL, batch=3))
    assert (together.array_mj, together.vector_mj) == (alone.array_mj, alone.vector_mj)
    assert together.memory_mj < alone.memory_mj and together.static_mj < alone.static_mj
    plans = [lower(tiny(), zcu102(), dataclasses.replace(SMALL, batch=n)) for n in (1, 3)]
    own = sum(port.words * port.bits for port in plans[0].ports[-2:])
    weights = plans[0].ports[0].words * plans[0].ports[0].bits
    assert [estimate(plan).dram_bits for plan in plans] == [weights + own, weights + 3 * own]
    assert together.dram_mj == pytest.approx((weights / 3 + own) * 20e-9)
    moved = [{s.name: memory_traffic(s, plan) for s in plan.stages} for plan in plans]
    # Three images: 9 row tiles of an image's own keys; each row tile of weights is written once,
    # read in 9 token tiles.
    assert +moved[1]["block0.head0.scores"] == {
        name: 3 * bits for name, bits in moved[0]["block0.head0.scores"].items()
    }
    assert moved[1]["block0.fc1"]["row_param"] == 5 * 3 * (1 + 9) * 64
    assert moved[1]["block0.fc1"]["gelu"] == (2 * 256 + 3 * 12 * 5) * 6
    assert moved[1]["block0.norm1"]["norm_param"] == (8 + 3 * 40) * 54


def test_it_grows_with_8_bit_rows_and_with_the_network() -> None:
    space, arch = load_space("digits"), tiny()
    wide = dataclasses.replace(arch.blocks[0], w8=W8Shares(8, 8, 8, 8))
    heavier = dataclasses.replace(arch, blocks=(wide,))
    assert _energy(heavier).array_mj > _energy(arch).array_mj
    totals = [_energy(corner).total_mj for corner in space.reference_subnets()]
    assert totals == sorted(totals)


def test_hbm_bits_cost_less_than_ddr_bits() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    hbm = dataclasses.replace(zcu102(), memory="HBM2")
    assert (
        energy(plan, hbm, estimate(plan)).dram_mj < energy(plan, zcu102(), estimate(plan)).dram_mj
    )


def test_the_objective_is_the_models_total() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    objective, candidate = (
        EnergyObjective(zcu102()),
        Candidate.modelled(tiny(), plan, estimate(plan)),
    )
    assert objective.evaluate([candidate]) == [_energy(tiny()).total_mj]
    cycles = Range.exactly(2 * candidate.estimate.cycles)
    slower = replace(candidate.predicted, amounts={**candidate.predicted.amounts, "cycles": cycles})
    (found,) = objective.evaluate([replace(candidate, predicted=slower)])
    assert found == pytest.approx(_energy(tiny()).total_mj + _energy(tiny()).static_mj)
    info = objective_info("energy")
    assert (objective.name, objective.unit, objective.direction) == (
        info.name,
        info.unit,
        info.direction,
    )
