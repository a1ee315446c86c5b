"""Integer arithmetic of the accelerator, vectorised in numpy: NUMERICS.md in executable form.

Arrays are int64 unless stated otherwise. Every function is exact: the C++ equals it bit for bit.
`>>` is the arithmetic shift (rounds toward minus infinity).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qnas.errors import CapacityError, problem

Ints = NDArray[np.int64]

NIBBLE_MAX = 119  # 16 * 7 + 7: the largest value of two signed nibbles
W4_MIN, W4_MAX = -8, 7
RESIDUAL_MIN, RESIDUAL_MAX = -(1 << 15), (1 << 15) - 1
LOGIT_MIN, LOGIT_MAX = -(1 << 31), (1 << 31) - 1
BIAS_BITS = 26  # bias of a row, in 2**-BIAS_FRACTION output steps
BIAS_FRACTION = 8
MULT_BITS = 18  # requantization multiplier: the narrow port of a DSP48E2
SHIFT_MAX = 63
ROW_SHIFT_MAX = 29  # of a row with a bias: the sum of product and shifted bias fits 48 bits
NORM_FRACTION = 15  # fraction bits of the normalised value inside LayerNorm
GAIN_BITS, NORM_BIAS_BITS = 18, 36
EXP_FRACTION = 8  # fraction bits of the base-2 exponent inside softmax
EXP_TABLE_FRACTION = 8
MAX_KEYS = 550  # 119 * 550 < 2**16: the sum of a row of probabilities

EXP_TABLE: Ints = np.array(
    [
        round(NIBBLE_MAX * 2**EXP_TABLE_FRACTION * 2 ** (-f / 2**EXP_FRACTION))
        for f in range(2**EXP_FRACTION)
    ],
    dtype=np.int64,
)
RSQRT_TABLE: Ints = np.array(
    [round(2**19 / math.sqrt(i + 64.5)) for i in range(192)], dtype=np.int64
)
EXP_TABLE.setflags(write=False)
RSQRT_TABLE.setflags(write=False)


def act_max(bits: int) -> int:
    """Largest activation of `bits` bits: 31 or 127. The range is symmetric, as 4 x 8 x 31 < 2**10
    needs."""
    return (1 << (bits - 1)) - 1


def pre_gelu_bounds(bits: int) -> tuple[int, int]:
    """Least and greatest index of GELU's table: the signed range of `bits` + 2 bits, two bits finer
    than GELU's output."""
    return -(1 << (bits + 1)), (1 << (bits + 1)) - 1


def split_nibbles(values: Ints) -> tuple[Ints, Ints]:
    """Split values in -119..119 into (h, l), both in -8..7, with values = 16 * h + l."""
    low = ((values + 8) & 15) - 8
    return (values - low) >> 4, low


def fixed_point(
    ratio: float, *, subject: str, min_shift: int = 1, max_shift: int = SHIFT_MAX
) -> tuple[int, int]:
    """Find (mult, shift) with mult / 2**shift nearest to `ratio` and 2**16 <= |mult| <= 2**17 - 1.

    A ratio too small for `max_shift` gets `max_shift` and a smaller mult, down to 0.

    Raises:
        CapacityError: The ratio is too large for `min_shift`; the message names `subject`.
    """
    if ratio == 0.0:
        return 0, max_shift
    fraction, exponent = math.frexp(abs(ratio))
    mult = round(fraction * 2 ** (MULT_BITS - 1))
    if mult == 2 ** (MULT_BITS - 1):
        mult, exponent = mult // 2, exponent + 1
    shift = MULT_BITS - 1 - exponent
    if shift < min_shift:
        rule = f"must scale by less than 2**{MULT_BITS - 1 - min_shift}"
        raise CapacityError(problem(subject, rule, ratio, "Check the step sizes."))
    if shift > max_shift:
        mult, shift = round(abs(ratio) * 2**max_shift), max_shift
    return (mult if ratio > 0 else -mult), shift


def fixed_row(ratio: float, *, subject: str) -> tuple[int, int]:
    """`fixed_point` within the shifts of a row with a bias, BIAS_FRACTION..ROW_SHIFT_MAX."""
    return fixed_point(ratio, subject=subject, min_shift=BIAS_FRACTION, max_shift=ROW_SHIFT_MAX)


def round_shift(value: Ints, shift: Ints | int) -> Ints:
    """Compute value / 2**shift, rounded half up (toward plus infinity); shift >= 1."""
    half = np.left_shift(np.int64(1), np.asarray(shift, dtype=np.int64) - 1)
    return np.asarray((value + half) >> shift, dtype=np.int64)


def requantize(acc: Ints, mult: Ints, shift: Ints, *, bias: Ints | int = 0) -> Ints:
    """Compute round_half_up(acc * mult / 2**shift + bias / 2**BIAS_FRACTION), not yet saturated.

    |acc| < 2**26; with a bias, shift is in BIAS_FRACTION..ROW_SHIFT_MAX. The bias is added after
    the multiplier, where the C port of a DSP48E2 adds it at no cost. Added before the multiplier,
    the bias would be rounded to the coarser step of the accumulator.
    """
    lift = np.maximum(shift - BIAS_FRACTION, 0)
    return round_shift(acc * mult + np.left_shift(np.asarray(bias, dtype=np.int64), lift), shift)


def saturate(value: Ints, low: int, high: int) -> Ints:
    """Clamp value to low..high, both included."""
    return np.clip(value, low, high)


def bit_length(value: Ints) -> Ints:
    """Number of bits of a positive integer below 2**53 (exact: frexp of an exact float)."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)


def reciprocal_sqrt(value: Ints) -> tuple[Ints, Ints]:
    """Compute (r, e) with 1/sqrt(value) ~ r * 2**-(31 + e), for value >= 1.

    The relative error is below 2**-13.

    The value is shifted by an even number of bits into m in [2**30, 2**32); a 192-entry table
    indexed by the top byte of m starts one Newton step.
    """
    e = -((32 - bit_length(value)) // 2)
    m = np.where(e >= 0, value >> np.maximum(2 * e, 0), value << np.maximum(-2 * e, 0))
    r0 = RSQRT_TABLE[(m >> 24) - 64]
    a = ((m >> 14) * r0) >> 17
    return (r0 * (3 * 2**31 - a * r0)) >> 32, e


def layer_norm(x: Ints, *, gain: Ints, bias: Ints, shift: int, epsilon: int, limit: int) -> Ints:
    """Normalise x (..., D), 16-bit, over its last axis to activations (..., D) in -limit..limit.

    gain (D,) and bias (D,) are in units of 2**-shift output steps.
    """
    d = x.shape[-1]
    total = x.sum(axis=-1, keepdims=True)
    variance = d * (x * x).sum(axis=-1, keepdims=True) - total * total + epsilon
    r, e = reciprocal_sqrt(variance)
    y = round_shift((d * x - total) * r, 31 + e - NORM_FRACTION)
    y = saturate(y, -(1 << 20), (1 << 20) - 1)
    return saturate(round_shift(y * gain + bias, shift), -limit, limit)


def exponentials(scores: Ints, *, mult: int, shift: int) -> Ints:
    """Compute 119 * 2**(-(max - score) * mult / 2**(shift + 8)), rounded, with max over the last
    axis: integers in 0..119."""
    distance = scores.max(axis=-1, keepdims=True) - scores
    z = round_shift(distance * mult, shift)
    octave = np.minimum(z >> EXP_FRACTION, 15)
    fraction = z & ((1 << EXP_FRACTION) - 1)
    return round_shift(EXP_TABLE[fraction], EXP_TABLE_FRACTION + octave)


def row_scale(total: Ints, *, mult: int, shift: int) -> tuple[Ints, Ints]:
    """Compute the (mult, shift) of each query, which represent (mult / 2**shift) / total.

    total is in 1..65535; mult >= 2**16.
    """
    n = 16 - bit_length(total)
    return (mult << 15) // (total << n), shift + 15 - n
