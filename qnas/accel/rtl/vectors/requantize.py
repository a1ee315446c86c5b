"""Requantization: sums, multipliers, shifts and biases over all of their formats' ranges."""

from __future__ import annotations

import numpy as np

from qnas.accel.rtl.bits import concat, field
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.accel.rtl.vectors.array import with_corners
from qnas.numerics import (
    BIAS_BITS,
    BIAS_FRACTION,
    LOGIT_MAX,
    LOGIT_MIN,
    MULT_BITS,
    NIBBLE_MAX,
    ROW_SHIFT_MAX,
    SHIFT_MAX,
    act_max,
    pre_gelu_bounds,
    requantize,
)

ACTIVATION_BITS = 6
# What results are clipped to: activation, nibbles, entry of GELU's table, logit.
LIMITS = np.array(
    [
        (-act_max(ACTIVATION_BITS), act_max(ACTIVATION_BITS)),
        (-NIBBLE_MAX, NIBBLE_MAX),
        pre_gelu_bounds(ACTIVATION_BITS),
        (LOGIT_MIN, LOGIT_MAX),
    ]
)
SUM_BITS, SHIFT_BITS, RESULT_BITS = 27, 6, 32


def requantized(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Half of the vectors with a bias and a row's shifts, half without and with any shift."""
    lanes = block["lanes"]
    magnitude = 1 << rng.integers(1, SUM_BITS, (count, 1))
    sums = with_corners(rng, (count, lanes), -(1 << 26) + 1, (1 << 26) - 1) % magnitude
    sums = np.where(rng.integers(0, 2, (count, lanes)) == 1, sums, -sums)
    mult = rng.integers(-(1 << (MULT_BITS - 1)) + 1, 1 << (MULT_BITS - 1), (count, 1))
    bias = rng.integers(-(1 << (BIAS_BITS - 1)), 1 << (BIAS_BITS - 1), (count, 1))
    shift = rng.integers(BIAS_FRACTION, ROW_SHIFT_MAX + 1, (count, 1))
    free = rng.random((count, 1)) < 0.5
    bias = np.where(free, 0, bias >> rng.integers(0, BIAS_BITS, (count, 1)))
    shift = np.where(free, rng.integers(1, SHIFT_MAX, (count, 1)), shift)
    epilogue = rng.integers(0, len(LIMITS), (count, 1))
    limits = LIMITS[epilogue[:, 0]]
    # From a shift of 48 on a product of 44 bits rounds to 0; int64 holds the half of smaller ones.
    result = np.where(shift < 48, requantize(sums, mult, np.minimum(shift, 47), bias=bias), 0)
    inputs = concat(
        field(sums, SUM_BITS),
        field(epilogue, 2),
        field(mult, MULT_BITS),
        field(shift, SHIFT_BITS),
        field(bias, BIAS_BITS),
    )
    return Vectors(inputs, field(np.clip(result, limits[:, :1], limits[:, 1:]), RESULT_BITS))
