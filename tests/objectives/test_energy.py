"""The energy model: known answers, sources, and what must make it grow."""

from __future__ import annotations

import dataclasses

import pytest

from qnas.accel.folding import Folding
from qnas.accel.lower import lower
from qnas.architecture import Architecture, W8Shares
from qnas.objectives.base import Candidate
from qnas.objectives.cost.analytic import estimate
from qnas.objectives.cost.energy import (
    DEFAULT,
    SOURCES,
    Energy,
    EnergyCoefficients,
    energy,
    memory_bits,
)
from qnas.objectives.hardware import EnergyObjective
from qnas.objectives.registry import objective_info
from qnas.operations import Gemm, network_operations
from qnas.spaces import load_space
from tests.accel.designs import tiny, zcu102

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
    assert found.static_mj == pytest.approx(274080 * 2.5e-6 * estimate(plan).latency_ms)
    norm = next(stage for stage in plan.stages if stage.name == "block0.norm1")
    assert memory_bits(norm, plan) == 5 * 8 * (2 * 16 + 6)
    # Keys of 4 channels and 5 tokens, against 5 queries: 3 row tiles, 3 token tiles, 1 beat.
    scores = next(stage for stage in plan.stages if stage.name == "block0.head0.scores")
    operands = 9 * (2 * 6 + 4 * 4) * 4 + 5 * 4 * (8 + 8)
    assert memory_bits(scores, plan) == operands + 25 * plan.score_bits
    assert sum(dataclasses.astuple(found)) == pytest.approx(found.total_mj)


def test_it_grows_with_8_bit_rows_and_with_the_network() -> None:
    space, arch = load_space("digits"), tiny()
    wide = dataclasses.replace(arch.blocks[0], w8=W8Shares(8, 8, 8, 8))
    heavier = dataclasses.replace(arch, blocks=(wide,))
    assert _energy(heavier).total_mj > _energy(arch).total_mj
    totals = [_energy(corner).total_mj for corner in space.corners()]
    assert totals == sorted(totals)


def test_hbm_bits_cost_less_than_ddr_bits() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    hbm = dataclasses.replace(zcu102(), memory="HBM2")
    assert (
        energy(plan, hbm, estimate(plan)).dram_mj < energy(plan, zcu102(), estimate(plan)).dram_mj
    )


def test_the_objective_is_the_models_total() -> None:
    plan = lower(tiny(), zcu102(), SMALL)
    objective, candidate = EnergyObjective(zcu102()), Candidate(tiny(), plan, estimate(plan))
    assert objective.evaluate([candidate]) == [_energy(tiny()).total_mj]
    info = objective_info("energy")
    assert (objective.name, objective.unit, objective.direction) == (
        info.name,
        info.unit,
        info.direction,
    )
