"""LUTs and FFs of the data path's units, from operand widths and a few rules.

An adder takes a LUT for each bit, a LUT holds a 4:1 multiplexer, a register takes a FF for each
bit, and a delay of three clocks or more a LUT for each bit. Widths are those of NUMERICS.md. An
`Amount` is that of one lane, or of the logic that all lanes share. Each is tested against the
measured table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.cost.coefficients import Coefficients
from qnas.accel.plan.loops import LOGIT_BITS, RESIDUAL_BITS
from qnas.accel.plan.multipliers import SQUARES_BITS, SUM_BITS
from qnas.numerics import GAIN_BITS, MULT_BITS, NORM_BIAS_BITS

Count = Any

PAIR_SUM_BITS = 27  # sum of both nibbles of a row
INCREMENT_BITS = 17  # what is added to a residual; more saturates it
PRODUCT_BITS = SUM_BITS + MULT_BITS
SCALED_BITS = 48  # a row's product and the bias, which the DSP's third port adds
NORMALISED_BITS, GAIN_SUM_BITS, EXP_BITS = 21, 40, 16
VARIANCE_BITS, NORMAL_BITS, CORRECTION_BITS = 52, 64, 34  # of the reciprocal square root
PROBABILITY_BITS, OCTAVE_BITS, CHANNEL_BITS = 8, 4, 11
SHIFT_BITS = 6
DIVIDER_BITS = DIVIDER_STEPS = 17  # row_scale: subtract or not, once a bit of the quotient


@dataclass(frozen=True, slots=True)
class Amount:
    """LUTs and FFs. Amounts can be added, and multiplied by a count."""

    lut: Count = 0
    ff: Count = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.lut + other.lut, self.ff + other.ff)

    def __mul__(self, count: Count) -> Amount:
        return Amount(self.lut * count, self.ff * count)


def mux(inputs: Count, bits: Count, c: Coefficients) -> Count:
    """LUTs of a multiplexer; each LUT chooses one of `mux_inputs_per_lut` values."""
    return bits * ceil_div(inputs - 1, c.mux_inputs_per_lut - 1)


def shifter(bits: int, c: Coefficients, *, shift_bits: int = SHIFT_BITS) -> int:
    """LUTs of a barrel shifter: 4:1 multiplexers, two bits of the shift amount at each level."""
    return int(mux(4, bits, c)) * ceil_div(shift_bits, 2)


def rounding_shift(bits: int, c: Coefficients, *, shift_bits: int = SHIFT_BITS) -> Amount:
    """One lane: the addition of the rounding constant, then the shift, each with a register."""
    lut = bits * c.adder_lut_per_bit + shifter(bits, c, shift_bits=shift_bits)
    return Amount(lut, 2 * bits + 1)


def rounding_constant(bits: int) -> Amount:
    """The constant added before a rounding shift, decoded once for all lanes."""
    return Amount(bits, SHIFT_BITS)


def clip(bits: int, result_bits: int) -> Amount:
    """A comparison with each end, and the result's register."""
    return Amount(bits + result_bits, result_bits)


def requantizer(c: Coefficients) -> Amount:
    """One lane: rounding shift, then limits and result of one of four epilogues."""
    limits = Amount(2 * SCALED_BITS + 3 * LOGIT_BITS, LOGIT_BITS)
    return rounding_shift(SCALED_BITS, c) + limits


def bias_shift(c: Coefficients) -> Amount:
    """Shared by all lanes: the bias in the product's step, and the rounding constant."""
    lifted = Amount(shifter(SCALED_BITS, c), SCALED_BITS)
    return lifted + rounding_constant(SCALED_BITS)


def pair_sum(c: Coefficients) -> Amount:
    """One lane: the sum of a pair of slots."""
    return Amount(PAIR_SUM_BITS * c.adder_lut_per_bit, PAIR_SUM_BITS)


def epilogue(c: Coefficients) -> Amount:
    """One lane: the sum of a pair or one slot of it, as the adder's LUTs choose; requantization."""
    return pair_sum(c) + requantizer(c)


def residual_sum(c: Coefficients) -> Amount:
    """One bank of the residual stream: what is added to it, and the clip."""
    return Amount(2 * RESIDUAL_BITS * c.adder_lut_per_bit, 2 * RESIDUAL_BITS)


def pair_epilogue(bits: int, c: Coefficients) -> Amount:
    """One lane of an additional pair of slots: their sum, requantization, saturation."""
    return pair_sum(c) + rounding_shift(SCALED_BITS, c) + clip(SCALED_BITS, bits)


def norm_statistics(lanes: Count, c: Coefficients) -> Amount:
    """All lanes: adder trees of values and of squares, and running sums.

    The values are delayed until their squares are ready.
    """
    trees = (lanes - 1) * (3 * RESIDUAL_BITS + 2) * c.adder_lut_per_bit
    sums = (SUM_BITS + SQUARES_BITS) * c.adder_lut_per_bit
    registers = 3 * RESIDUAL_BITS + SUM_BITS + SQUARES_BITS
    return Amount(lanes * RESIDUAL_BITS + trees + sums, registers)


def reciprocal_sqrt(c: Coefficients) -> Amount:
    """Variance, leading pair, Newton step, and delays of partial products and of the token's sum.

    The table is a memory of the plan.
    """
    adders = (VARIANCE_BITS + CORRECTION_BITS) * c.adder_lut_per_bit
    normal = 3 * NORMAL_BITS  # five halving steps
    waits = SUM_BITS + 2 * 16 + SHIFT_BITS
    parts = 2 * (15 + 11 + 26) + 2 * (27 + 10 + 17) + 2 * (8 + 16)  # 41 x 11, 27 x 27, 34 x 17
    registers = VARIANCE_BITS + CORRECTION_BITS + NORMAL_BITS + 32 + 18 + SHIFT_BITS + parts
    return Amount(adders + normal + waits, registers)


def normaliser(bits: int, c: Coefficients) -> Amount:
    """One lane: centre, scale, clip, then gain and bias (which are delayed), clip."""
    return (
        rounding_shift(PRODUCT_BITS, c)
        + clip(PRODUCT_BITS, NORMALISED_BITS)
        + Amount(GAIN_BITS + NORM_BIAS_BITS, 0)
        + rounding_shift(GAIN_SUM_BITS, c)
        + clip(GAIN_SUM_BITS, bits)
    )


def normaliser_shared(c: Coefficients) -> Amount:
    """Shared by all lanes: subtrahend, rounding constants, delays of a token's root and shift."""
    less = Amount(SUM_BITS * c.adder_lut_per_bit, SUM_BITS)
    return (
        less
        + rounding_constant(PRODUCT_BITS)
        + rounding_constant(GAIN_SUM_BITS)
        + Amount(MULT_BITS + SHIFT_BITS, 0)
    )


def maximum(lanes: Count, score_bits: int, c: Coefficients) -> Amount:
    """All lanes: a comparison and a selection for each pair, then against the running maximum.

    The running maximum then takes the larger value: three bits in four LUTs.
    """
    each = 2 * score_bits * c.adder_lut_per_bit
    return Amount((lanes - 1) * each + 4 * score_bits // 3, 2 * score_bits)


def exponential(score_bits: int, c: Coefficients) -> Amount:
    """One lane: distance, rounding shift, octave, rounding shift of the table entry."""
    product = score_bits + 1 + MULT_BITS
    distance = Amount((score_bits + 1) * c.adder_lut_per_bit, score_bits + 1)
    octave = Amount(product // 4 + OCTAVE_BITS, OCTAVE_BITS)
    entry = rounding_shift(EXP_BITS, c, shift_bits=OCTAVE_BITS) + rounding_constant(EXP_BITS)
    wait = Amount(0, 2 * PROBABILITY_BITS)
    return distance + rounding_shift(product, c) + octave + entry + wait


def exponential_shared(lanes: Count, score_bits: int, c: Coefficients) -> Amount:
    """Shared by all lanes: the rounding constant, and the sum of the row."""
    tree = (lanes - 1) * (PROBABILITY_BITS + 2) * c.adder_lut_per_bit
    total = Amount(tree + EXP_BITS * c.adder_lut_per_bit, EXP_BITS + PROBABILITY_BITS + 2)
    return rounding_constant(score_bits + 1 + MULT_BITS) + total


def divider(c: Coefficients) -> Amount:
    """Leading bit of the sum, then one step for each bit of the quotient: subtract and select.

    The divisor and the remainder move along the pipeline.
    """
    step = DIVIDER_BITS * c.adder_lut_per_bit + int(mux(2, DIVIDER_BITS - 1, c))
    waits = DIVIDER_BITS + OCTAVE_BITS  # bits of the quotient, and the shift
    registers = (2 * DIVIDER_STEPS + 1) * EXP_BITS
    return Amount(2 * EXP_BITS + DIVIDER_STEPS * step + waits, registers)


def gelu_read(lanes: Count, banks: Count, bits: int, c: Coefficients) -> Amount:
    """All lanes: the read of one bank of the table each."""
    index = np.asarray(mux(banks, 1, c))
    lane = Amount(mux(banks, bits, c), bits + index)
    return Amount(lane.lut * lanes, lane.ff * lanes)
