"""LUTs and FFs of the multiplier array, counted from its structure.

An adder takes a LUT for each bit, a register a FF for each bit, and a delay of three clocks or more
a LUT for each bit (a shift register, UG574). Every array of the measured table is within 4 % of
these counts in LUTs and FFs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.plan.memory import NIBBLE_BITS
from qnas.accel.plan.plan import Packing
from qnas.numerics import bit_length

Count = Any

DSP_CLOCKS = 6  # latency of a cascade beyond its length: packing 1, DSP 3, tree 1, accumulate 1
PLAIN_CLOCKS = 4
SHIFT_CLOCKS = 3  # shorter delays are made of registers


@dataclass(frozen=True, slots=True)
class Lanes:
    """An array of `slots` row slots x `tt` tokens x `tk` inputs; `packing` is the whole array's."""

    slots: Count
    tt: Count
    tk: Count
    activation_bits: int
    accumulator_bits: int
    packing: Packing

    @property
    def cells(self) -> Count:
        """Pairs of a row slot and a token."""
        return self.slots * self.tt

    @property
    def cascade(self) -> Count:
        """Products summed down a cascade."""
        return np.minimum(self.tk, self.packing.cascade)


def tree_bits(product_bits: int, tk: Count, levels: Count) -> Count:
    """Adder bits of a tree over tk = 2**levels products, one bit wider at each level.

    The sum of tk / 2**l * (product_bits + l) over l = 1 .. levels, in closed form.
    """
    return product_bits * (tk - 1) + 2 * tk - levels - 2


def levels_of(count: Count) -> Count:
    """log2 of powers of two."""
    return bit_length(np.asarray(count)) - 1


def packed_lanes(x: Lanes) -> tuple[Count, Count]:
    """Count (LUT, FF) around packed DSPs; 0 if there are no slots.

    The logic packs operands at the edge, delays them for their place in the cascade, adds the
    fields of the chains in trees and accumulates. The buffers that hold the operands are the
    plan's.
    """
    chains = x.tk // x.cascade
    pairs, blocks = x.slots // x.packing.rows, ceil_div(x.tt, x.packing.tokens)
    # Each operand above the lowest subtracts the borrow of the one below: an adder, a bit wider.
    weight = (x.packing.rows - 1) * (NIBBLE_BITS + 1)
    act = (x.packing.tokens - 1) * (x.activation_bits + 1)
    edge = pairs * x.tk * weight + blocks * x.tk * act
    held = pairs * (NIBBLE_BITS + weight) + blocks * (x.activation_bits + act)
    trees = tree_bits(x.packing.field_bits, chains, levels_of(chains))
    lut = x.cells * (trees + x.accumulator_bits) + edge
    lut = lut + chains * np.maximum(x.cascade - SHIFT_CLOCKS + 1, 0) * held
    registers = chains * np.where(x.cascade > 1, 1 + 2, 1) * held  # the first input's, the second's
    ff = registers + x.cells * (_beat_bits(x) + 1)  # and the borrow
    some = np.asarray(x.slots) > 0
    return lut * some, ff * some


def plain_lanes(x: Lanes, *, beside_cascades: bool, in_dsp: bool) -> tuple[Count, Count]:
    """Count (LUT, FF) around single products, made in LUTs or in DSPs; 0 if there are no slots.

    Each cell has a tree and an accumulator, and its operands wait for slower lanes beside it. The
    products themselves are multipliers of the plan.
    """
    product = NIBBLE_BITS + x.activation_bits
    lut = x.cells * (tree_bits(product, x.tk, levels_of(x.tk)) + x.accumulator_bits)
    ff = x.cells * _beat_bits(x)
    operands = x.tk * (x.slots * NIBBLE_BITS + x.tt * x.activation_bits)
    own = DSP_CLOCKS if in_dsp else PLAIN_CLOCKS
    wait = (x.cascade + DSP_CLOCKS if beside_cascades else DSP_CLOCKS + 1) - own
    shifts = np.asarray(wait) >= SHIFT_CLOCKS
    some = np.asarray(x.slots) > 0
    return (lut + operands * shifts) * some, (ff + operands * np.where(shifts, 0, wait)) * some


def _beat_bits(x: Lanes) -> Count:
    """Signed width of the sum of a beat: tk products of |8| x activation."""
    return NIBBLE_BITS + x.activation_bits + levels_of(x.tk)
