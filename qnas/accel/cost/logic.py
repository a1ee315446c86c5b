"""LUTs and FFs of every unit of a design's data path (see units.py).

The numbers of lanes and banks are the plan's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.cost import units
from qnas.accel.cost.coefficients import Coefficients
from qnas.accel.cost.design import DesignFacts
from qnas.accel.cost.lanes import Lanes, levels_of, packed_lanes, plain_lanes
from qnas.accel.cost.units import INCREMENT_BITS, Amount, mux
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import GELU_ENTRY_BITS, RESIDUAL_BITS, ROW_PARAM_BITS
from qnas.accel.plan.memory import KEY_BITS, NORM_BITS, residual_banks, score_banks

Count = Any
ADDRESS_BITS = 16  # address of a bank row


def logic(design: DesignFacts, c: Coefficients) -> Iterator[tuple[str, Amount]]:
    """Yield (name, LUTs and FFs) of every unit of the data path."""
    yield from _array(design)
    for name, lut in _wiring(design, c):
        yield name, Amount(lut, lut * c.ff_per_logic_lut)
    f, bits = design.folding, design.activation_bits
    further = (f.score_pairs - f.drain_pairs) * f.tt  # pairs that only `scores` drains
    yield "pair_sum", units.pair_sum(c) * further
    yield "pair_epilogue", units.pair_epilogue(bits, c) * ((f.drain_pairs - 1) * f.tt)
    yield "epilogue", units.epilogue(c) * f.tt + units.residual_sum(c) * residual_banks(f)
    yield "bias_shift", units.bias_shift(c)
    banks = design.ports[0].bits // GELU_ENTRY_BITS
    yield "gelu_read", units.gelu_read(f.tt, banks, bits, c)
    yield "norm_statistics", units.norm_statistics(f.vl, c)
    yield "reciprocal_sqrt", units.reciprocal_sqrt(c)
    yield "normalise", units.normaliser(bits, c) * f.vl + units.normaliser_shared(c)
    yield "maximum", units.maximum(f.vl, design.score_bits, c)
    shared = units.exponential_shared(f.vl, design.score_bits, c)
    yield "exponentials", units.exponential(design.score_bits, c) * f.vl + shared
    yield "divider", units.divider(c)


def _array(design: DesignFacts) -> Iterator[tuple[str, Amount]]:
    f, packing = design.folding, design.packing
    packs = packing.rows > 1
    # A kind of lane exists only if the plan has multipliers of that kind.
    products = {
        name: np.asarray(design.multipliers_called(name)) > 0
        for name in ("engine_packed", "engine", "engine_lut")
    }

    def lanes(slots: Count, tokens: Count) -> Lanes:
        bits, acc = design.activation_bits, design.accumulator_bits
        return Lanes(slots, tokens, f.tk, bits, acc, packing)

    in_dsps = lanes(f.tm - f.lut_slots, f.tt - f.lut_tokens)
    if packs:
        yield "dsp_lanes", Amount(*packed_lanes(in_dsps)) * products["engine_packed"]
    else:
        alone = Amount(*plain_lanes(in_dsps, beside_cascades=False, in_dsp=True))
        yield "dsp_lanes", alone * products["engine"]
    # Slots of all tokens, and of the other slots the last tokens.
    slots = plain_lanes(lanes(f.lut_slots, f.tt), beside_cascades=packs, in_dsp=False)
    rest = lanes(f.tm - f.lut_slots, f.lut_tokens)
    tokens = plain_lanes(rest, beside_cascades=packs, in_dsp=False)
    some = 1 * (np.asarray(f.lut_tokens) > 0)
    yield "lut_lanes", (Amount(*slots) + Amount(*tokens) * some) * products["engine_lut"]


def _wiring(design: DesignFacts, c: Coefficients) -> Iterator[tuple[str, Count]]:
    """LUTs of multiplexers, write logic and addresses."""
    f, bits = design.folding, design.activation_bits
    slots: Count = 2 * f.score_pairs
    select = slots * mux(f.tm // slots, design.accumulator_bits, c)
    yield "drain_select", f.tt * (select + mux(slots, design.accumulator_bits, c))
    # Each weight bank has two sources: a port word, or nibbles of keys and probabilities.
    yield "weight_write", f.tm * f.tk * (mux(2, 4, c) + c.bank_write_lut)
    yield "nibble_split", f.load_pairs * f.tk * KEY_BITS
    # Each bank has four writers: engine, engine transposed, LayerNorm, image.
    yield "activation_write", f.tt * f.tk * (mux(4, bits, c) + c.bank_write_lut)
    yield "transpose", f.drain_pairs * f.tk * bits * ceil_div(levels_of(f.tk), 2)
    yield "attended_write", f.tt * f.tk * mux(f.drain_pairs, bits, c)
    yield "activation_rows", _activation_rows(f, design.head_dim)
    # Turned by the query and by the token, on the way in and out; every bank has a row of its own.
    scores, residuals = score_banks(f), residual_banks(f)
    own_row = c.bank_write_lut + 2 * ADDRESS_BITS
    yield "score_write", _rotation(scores, design.score_bits) + scores * own_row
    # The row of the sum, or the norm's.
    either = mux(2, ADDRESS_BITS, c)
    yield "residual_write", _rotation(residuals, INCREMENT_BITS) + residuals * (own_row + either)
    yield "addresses", c.address_products * c.address_product_lut
    read = _rotation(residuals, RESIDUAL_BITS) + _rotation(scores, design.score_bits)
    yield "vector_read", read
    # Reads and writes are rotated by the token, and each bank has its own row address.
    rotation = _rotation(f.tk, KEY_BITS)
    yield "key_read", rotation
    yield "key_write", rotation + f.tk * own_row
    yield "parameter_read", _parameter_read(design, c)


def _rotation(banks: Count, bits: int) -> Count:
    """LUTs that turn the values of `banks` banks: a 4:1 multiplexer a bit for two levels."""
    return banks * bits * ceil_div(levels_of(banks), 2)


def _parameter_read(design: DesignFacts, c: Coefficients) -> Count:
    """LUTs that select one of the parameters in a stream word, for rows and for LayerNorm."""
    f = design.folding
    a_word = f.weight_ports * design.ports[0].bits // ROW_PARAM_BITS
    norm = f.vl * mux(np.maximum(a_word // f.vl, 1), NORM_BITS, c)
    return mux(a_word, ROW_PARAM_BITS, c) + norm


def _activation_rows(f: Folding, head_dim: int) -> Count:
    """Number of separate row addresses of the activation memory.

    A block of results may extend into the next token group or the next row of banks. Each token
    bank, each channel bank, or each of both then needs its own row.
    """
    tokens, channels = f.tt % f.drain_pairs != 0, (f.tk % f.tt != 0) | (head_dim % f.tt != 0)
    banks = np.where(tokens, f.tt, 1) * np.where(channels, f.tk, 1)
    return ADDRESS_BITS * (banks - 1)
