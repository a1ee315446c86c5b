"""The integer arithmetic against floating point, with its stated error bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnas import numerics as num
from qnas.errors import CapacityError


@given(st.lists(st.integers(1, 2**50), min_size=1, max_size=50))
def test_reciprocal_sqrt_is_within_its_bound(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    r, e = num.reciprocal_sqrt(array)
    relative = r * 2.0 ** -(31.0 + e) * np.sqrt(array.astype(np.float64)) - 1
    assert np.abs(relative).max() < 2**-13
    assert r.min() >= 1 << 15 and r.max() < 1 << 17


@given(st.integers(-num.NIBBLE_MAX, num.NIBBLE_MAX))
def test_nibbles_are_signed_and_recombine(value: int) -> None:
    high, low = num.split_nibbles(np.array([value]))
    assert -8 <= high[0] <= 7 and -8 <= low[0] <= 7
    assert 16 * high[0] + low[0] == value


@given(st.floats(2.0**-40, 2.0**15))
def test_fixed_point_is_as_precise_as_its_bits(ratio: float) -> None:
    mult, shift = num.fixed_point(ratio, subject="test")
    assert 2**16 <= mult < 2**17 and 1 <= shift <= num.SHIFT_MAX
    assert abs(mult / 2.0**shift / ratio - 1) <= 2**-17


def test_fixed_point_edges() -> None:
    assert num.fixed_point(0.0, subject="test") == (0, 63)
    assert num.fixed_point(2.0**-60, subject="test") == (8, 63)
    assert num.fixed_point(2.0**-70, subject="test") == (0, 63)
    assert num.fixed_point(-1.0, subject="test") == (-(2**16), 16)
    with pytest.raises(CapacityError, match="must scale by less than"):
        num.fixed_point(2.0**20, subject="test")


def test_rounding_is_half_up() -> None:
    values = np.array([-3, -2, -1, 1, 2, 3, 5])
    assert num.round_shift(values, 1).tolist() == [-1, -1, 0, 1, 1, 2, 3]


@pytest.mark.parametrize("channels", [16, 48, 192, 768])
@pytest.mark.parametrize("deviation", [3, 300, 8000])
@pytest.mark.parametrize("bits", [6, 8])
def test_layer_norm_is_within_one_step_of_float(channels: int, deviation: int, bits: int) -> None:
    rng = np.random.default_rng(channels + deviation)
    x = np.clip(np.rint(rng.normal(50, deviation, (200, channels))), -32768, 32767).astype(np.int64)
    limit = num.act_max(bits)
    gain, bias = rng.normal(0.3, 0.07, channels) * limit, rng.normal(0, 0.13, channels) * limit
    shift = 26
    integer = num.layer_norm(
        x,
        gain=np.rint(gain * 2 ** (shift - num.NORM_FRACTION)).astype(np.int64),
        bias=np.rint(bias * 2**shift).astype(np.int64),
        shift=shift,
        epsilon=1,
        limit=limit,
    )
    normed = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1 / channels**2)
    exact = np.clip(normed * gain + bias, -limit, limit)
    assert np.abs(integer - exact).max() < 0.51
    assert (integer != np.rint(exact)).mean() < 0.005


def test_layer_norm_of_a_constant_is_its_bias() -> None:
    bias = np.array([3, -5, 0, 31]) << 18
    result = num.layer_norm(
        np.full((2, 4), 777), gain=np.full(4, 3000), bias=bias, shift=18, epsilon=1, limit=31
    )
    assert result.tolist() == [[3, -5, 0, 31]] * 2


@given(st.integers(1, num.MAX_KEYS), st.integers(0, 2**31))
def test_softmax_is_near_float(keys: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-60000, 60000, (3, keys))
    scale = rng.uniform(1e-6, 3e-4)
    mult, shift = num.fixed_point(scale * math.log2(math.e) * 256, subject="test")
    probs = num.exponentials(scores, mult=mult, shift=shift)
    exact = np.exp((scores - scores.max(-1, keepdims=True)) * scale)
    assert probs.max(-1).tolist() == [num.NIBBLE_MAX] * 3
    assert np.abs(probs - num.NIBBLE_MAX * exact).max() < 0.5 + 0.25


@given(st.integers(1, 65535), st.floats(2.0**-8, 2.0**8))
def test_row_scale_divides(total: int, ratio: float) -> None:
    out_mult, out_shift = num.fixed_point(ratio, subject="test")
    mult, shift = num.row_scale(np.array([total]), mult=out_mult, shift=out_shift)
    assert 0 < mult[0] < 1 << 17
    assert abs(mult[0] / 2.0 ** shift[0] / (ratio / total) - 1) < 2**-14


def test_tables_are_frozen() -> None:
    with pytest.raises(ValueError, match="read-only"):
        num.EXP_TABLE[0] = 0
