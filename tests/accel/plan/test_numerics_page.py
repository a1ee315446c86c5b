"""NUMERICS.md states what the code does: its constants, and the largest values of its formats."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from qnas import numerics as num
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import MAX_CHANNELS, MAX_ROWS, lower, max_inner
from qnas.errors import CapacityError
from tests.accel.designs import tiny, zcu102


@pytest.fixture(scope="module")
def page() -> str:
    return resources.files("qnas.accel").joinpath("NUMERICS.md").read_text(encoding="utf-8")


def test_the_page_states_the_constants(page: str) -> None:
    statements = [
        "6 or 8 | " + " or ".join(f"-{num.act_max(b)}..{num.act_max(b)}" for b in (6, 8)),
        f"{num.W4_MIN}..{num.W4_MAX}",
        f"-{num.NIBBLE_MAX}..{num.NIBBLE_MAX}",
        f"{num.RESIDUAL_MIN}..{num.RESIDUAL_MAX}",
        f"| {num.BIAS_BITS}, {num.MULT_BITS}, 6 | shift {num.BIAS_FRACTION}..{num.ROW_SHIFT_MAX} |",
        f"`2**-{num.BIAS_FRACTION}` output steps",
        f"31 + e - {num.NORM_FRACTION}",
        f"N <= {num.MAX_KEYS}, D <= {MAX_CHANNELS}, rows of a matrix <= {MAX_ROWS}",
        f"inputs of a matrix <= {max_inner(6)}\n(of 8-bit activations {max_inner(8)})",
        f"EXP[i] = round({num.NIBBLE_MAX} * 2**{num.EXP_TABLE_FRACTION} * 2**(-i/256))",
        *("sat(v, {}, {})".format(*num.pre_gelu_bounds(bits)) for bits in (6, 8)),
    ]
    assert [text for text in statements if text not in page] == []


def test_the_widths_hold_at_the_largest_sizes() -> None:
    for bits in (6, 8):
        assert num.NIBBLE_MAX * num.act_max(bits) * max_inner(bits) < 1 << 26
        assert max(MAX_CHANNELS, MAX_ROWS) <= max_inner(bits)
    largest = (1 << 26) * (1 << 17) + (1 << 25 << (num.ROW_SHIFT_MAX - num.BIAS_FRACTION))
    assert largest + (1 << (num.ROW_SHIFT_MAX - 1)) < 1 << 47
    assert num.NIBBLE_MAX * num.MAX_KEYS < 1 << 16
    x = np.full((1, MAX_CHANNELS), num.RESIDUAL_MIN, dtype=np.int64)
    x[0, ::2] = num.RESIDUAL_MAX
    total, squares = int(x.sum()), int((x * x).sum())
    assert abs(MAX_CHANNELS * num.RESIDUAL_MIN) < 1 << 26 and squares < 1 << 40
    assert 0 < MAX_CHANNELS * squares - total * total < 1 << 51
    assert abs(MAX_CHANNELS * x - total).max() < 1 << 26


def test_patches_beyond_the_widths_are_refused() -> None:
    arch = replace(tiny(), image_size=160, patch_size=160)
    with pytest.raises(CapacityError, match="patch_dim"):
        lower(arch, zcu102(), Folding(tm=2, tt=1, tk=1, vl=1))
