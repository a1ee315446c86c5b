"""LUTs of the data path, from operand widths and two rules: an adder takes a LUT a bit, a LUT
holds a 4:1 multiplexer. Widths are those of NUMERICS.md; lanes and banks those of the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qnas.accel.loops import GELU_ENTRY_BITS, LOGIT_BITS, RESIDUAL_BITS
from qnas.accel.memory import KEY_BITS
from qnas.accel.multipliers import NIBBLE_BITS, SQUARES_BITS, SUM_BITS
from qnas.numerics import MULT_BITS, bit_length
from qnas.objectives.cost.coefficients import Coefficients
from qnas.objectives.cost.design import Design
from qnas.units import ceil_div

Count = Any

PAIR_SUM_BITS = 27  # both nibbles of a row
PRODUCT_BITS = PAIR_SUM_BITS + MULT_BITS
SCALED_BITS = 48  # that and the bias, which the DSP's third port adds
NORMALISED_BITS, GAIN_SUM_BITS, EXP_BITS = 21, 40, 16
SHIFT_BITS = 6
DIVIDER_BITS = DIVIDER_STEPS = 17  # row_scale: subtract or not, once a bit of the quotient


def logic_luts(design: Design, c: Coefficients) -> Iterator[tuple[str, Count]]:
    """(unit, LUTs) of every unit of the data path."""
    f, bits = design.folding, design.activation_bits
    single: Count = design.multipliers_called("engine") + design.multipliers_called("engine_lut")
    cells: Count = single // f.tk  # accumulators whose products have a multiplier each
    levels: Count = bit_length(np.asarray(f.tk)) - 1
    yield "adder_tree", cells * tree_bits(NIBBLE_BITS + bits, f.tk, levels) * c.adder_lut_per_bit
    yield "accumulate", cells * design.accumulator_bits * c.adder_lut_per_bit
    slots: Count = 2 * f.drain_pairs
    select = slots * _mux(f.tm // slots, design.accumulator_bits, c)
    yield "drain_select", f.tt * (select + _mux(slots, design.accumulator_bits, c))
    # Two sources a weight bank: port word, or nibbles of keys and probabilities.
    yield "weight_write", f.tm * f.tk * (_mux(2, 4, c) + c.bank_write_lut)
    yield "nibble_split", f.tk * KEY_BITS
    # Four writers a bank: engine, engine transposed, LayerNorm, image.
    yield "activation_write", f.tt * f.tk * (_mux(4, bits, c) + c.bank_write_lut)
    yield "transpose", (1 + f.drain_pairs) * f.tk * bits * ceil_div(levels, 2)
    yield "attended_write", f.tt * f.tk * _mux(f.drain_pairs, bits, c)
    yield "score_write", f.tt * f.vl * _mux(2, design.score_bits, c)
    yield "pair_epilogue", (f.drain_pairs - 1) * f.tt * _pair_luts(bits, c)
    yield "epilogue", f.tt * _epilogue_luts(design, c)
    yield "bias_shift", _shifter(SCALED_BITS, c)
    yield "gelu_read", f.tt * _mux(design.ports[0].bits // GELU_ENTRY_BITS, bits, c)
    yield "addresses", c.address_products * c.address_product_lut
    yield "vector_read", f.vl * (_mux(f.tt, RESIDUAL_BITS, c) + _mux(f.tt, design.score_bits, c))
    yield "key_read", f.tk * _mux(f.tt, KEY_BITS, c)
    yield "layer_norm", f.vl * _norm_luts(bits, c)
    yield "reciprocal_sqrt", _rsqrt_luts(c)
    yield "softmax", f.vl * _softmax_luts(design.score_bits, c)
    yield "divider", DIVIDER_STEPS * _divider_step_luts(c)


def tree_bits(product_bits: int, tk: Count, levels: Count) -> Count:
    """Adder bits of a tree over tk = 2**levels products, a bit wider each level.

    The sum of tk / 2**l * (product_bits + l) over l = 1 .. levels, in closed form.
    """
    return product_bits * (tk - 1) + 2 * tk - levels - 2


def _mux(inputs: Count, bits: Count, c: Coefficients) -> Count:
    """A multiplexer: each LUT makes one value of `mux_inputs_per_lut`."""
    return bits * ceil_div(inputs - 1, c.mux_inputs_per_lut - 1)


def _shifter(bits: int, c: Coefficients, *, shift_bits: int = SHIFT_BITS) -> int:
    """A barrel shifter: 4:1 multiplexers, two bits of the shift a level."""
    return int(_mux(4, bits, c)) * ceil_div(shift_bits, 2)


def _epilogue_luts(design: Design, c: Coefficients) -> Count:
    """One lane: nibble pair, rounding shift, saturation, residual's read, sum and clip."""
    adders = PAIR_SUM_BITS + SCALED_BITS + LOGIT_BITS + 2 * RESIDUAL_BITS
    select = _mux(4, LOGIT_BITS, c) + _mux(design.folding.vl, RESIDUAL_BITS, c)
    return adders * c.adder_lut_per_bit + _shifter(SCALED_BITS, c) + select


def _pair_luts(bits: int, c: Coefficients) -> int:
    """One lane of a further pair of slots: their sum, requantization, saturation."""
    adders = PAIR_SUM_BITS + SCALED_BITS
    return adders * c.adder_lut_per_bit + _shifter(SCALED_BITS, c) + bits


def _norm_luts(bits: int, c: Coefficients) -> int:
    """One lane: sum, sum of squares, centre, rounding shift, clip, gain and bias, the same."""
    adders = 2 * SUM_BITS + SQUARES_BITS + PRODUCT_BITS + NORMALISED_BITS + 2 * GAIN_SUM_BITS
    shifters = _shifter(PRODUCT_BITS, c) + _shifter(GAIN_SUM_BITS, c)
    return adders * c.adder_lut_per_bit + shifters + bits


def _rsqrt_luts(c: Coefficients) -> int:
    """Leading-one detector, two shifters, one Newton step; the table is a memory of the plan."""
    adders = SQUARES_BITS + 2 * SUM_BITS
    return adders * c.adder_lut_per_bit + 2 * _shifter(SQUARES_BITS, c)


def _divider_step_luts(c: Coefficients) -> int:
    """One bit of the quotient: subtract, keep one of two."""
    return DIVIDER_BITS * c.adder_lut_per_bit + int(_mux(2, DIVIDER_BITS, c))


def _softmax_luts(score_bits: int, c: Coefficients) -> int:
    """One lane: maximum, distance, rounding shift, rounding octave shift, sum."""
    product = score_bits + 1 + MULT_BITS
    adders = 3 * score_bits + product + 2 * EXP_BITS
    shifters = _shifter(product, c) + _shifter(EXP_BITS, c, shift_bits=4)
    return adders * c.adder_lut_per_bit + shifters
