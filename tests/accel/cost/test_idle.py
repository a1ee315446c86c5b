"""What the array could make and does not: by cause, and 8-bit rows that fill tiles at no cost."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.idle import AT_WORK, array_shares, with_free_rows
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, W8Shares
from tests.accel.designs import architectures, foldings, tiny, zcu102


@settings(deadline=None, max_examples=40)
@given(architectures(), foldings())
def test_shares_add_up_and_none_is_negative(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    found = array_shares(plan)
    assert sum(found.values()) == pytest.approx(1) and min(found.values()) > 0
    atoms = sum(s.slots * s.tokens * s.inner for s in plan.stages) * folding.batch
    products = estimate(plan).cycles * folding.atoms_per_cycle
    assert found[AT_WORK] == pytest.approx(atoms / products)


def test_causes_by_hand() -> None:
    """test_lower's tiny plan: 20 + 4 loads and three norms, 5 words each, of 885 cycles."""
    plan = lower(tiny(), zcu102(), Folding(tm=4, tt=2, tk=4, vl=2))
    found, cycles = array_shares(plan), estimate(plan).cycles
    assert found["image and position"] * cycles == pytest.approx(4 + 20)
    assert found["norms"] * cycles == pytest.approx(2 * (5 + 24) + 5 + 8)
    assert found["softmax"] * cycles == pytest.approx(1)  # its word: the rest is hidden


@settings(deadline=None, max_examples=20)
@given(architectures(), foldings())
def test_free_rows_cost_no_cycle(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    better = with_free_rows(plan, zcu102())
    raised = lower(better, zcu102(), folding)
    assert estimate(raised).cycles <= estimate(plan).cycles
    for old, new in zip(arch.blocks, better.blocks, strict=True):
        assert all(getattr(new.w8, f.name) >= getattr(old.w8, f.name) for f in fields(W8Shares))
        assert replace(new, w8=old.w8) == old


def test_row_tiles_that_are_not_full_take_8_bit_rows() -> None:
    """8 rows of 4 bits take two row tiles of 6 slots, which hold 4 further nibbles."""
    block = replace(tiny().blocks[0], w8=W8Shares(0, 0, 0, 0))
    plan = lower(replace(tiny(), blocks=(block,)), zcu102(), Folding(tm=6, tt=2, tk=2, vl=2))
    assert with_free_rows(plan, zcu102()).blocks[0].w8.fc2 == 4
    assert with_free_rows(plan, zcu102(), choices=(0, 3, 8)).blocks[0].w8.fc2 == 3
