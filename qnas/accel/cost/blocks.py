"""Estimates of RTL blocks: the cost model's formulas, applied to the parameters of one block.

Measured blocks calibrate these formulas (`qnas.accel.calibration.blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from qnas._util.units import ceil_div
from qnas.accel.cost import units
from qnas.accel.cost.coefficients import DEFAULT, Coefficients
from qnas.accel.cost.estimate import Resources
from qnas.accel.cost.lanes import Lanes, packed_lanes, plain_lanes
from qnas.accel.cost.memories import bram18_blocks, dsp_blocks, lutram_luts
from qnas.accel.cost.units import Amount, mux
from qnas.accel.plan.loops import GELU_ENTRY_BITS, ROW_PARAM_BITS
from qnas.accel.plan.memory import NIBBLE_BITS
from qnas.accel.plan.multipliers import CASCADE, SQUARES_BITS, SUM_BITS
from qnas.accel.plan.plan import Packing
from qnas.accel.rtl.block import Family, RtlBlock
from qnas.numerics import MULT_BITS

ACTIVATION_BITS, GELU_ENTRIES = 6, 256
PORTS: Mapping[Family, tuple[int, int]] = MappingProxyType({"xcup": (27, 18), "xc7": (25, 18)})
# Control of a stand-alone block: valid bits and counters of its pipeline.
CONTROL = Amount(lut=6, ff=10)
# The engine's loop: phase, step, beat and tile counters of 16 bits, their steps and comparisons.
ENGINE_CONTROL = Amount(lut=16 * 16, ff=16 * 11)


def block_resources(block: RtlBlock, *, coefficients: Coefficients = DEFAULT) -> Resources:
    """Estimate the resources of one block."""
    amount, dsp, bram18 = _PRICES[block.kind](block, coefficients)
    return Resources(lut=int(amount.lut), ff=int(amount.ff), dsp=int(dsp), bram18=int(bram18))


Price = tuple[Amount, int, int]


def _array(b: RtlBlock, c: Coefficients) -> Price:
    amount, dsp = _lanes(b, c, ACTIVATION_BITS if b.kind == "engine" else b["wx"])
    return amount + CONTROL, dsp, 0


def _lanes(b: RtlBlock, c: Coefficients, bits: int) -> tuple[Amount, int]:
    packed, slots = bool(b["packed"]), b["tm"] - b["lut_slots"]
    packing = Packing(rows=2, tokens=2, field_bits=11, cascade=CASCADE)

    def lanes(count: int) -> Lanes:
        return Lanes(count, b["tt"], b["tk"], bits, b["acc"], packing)

    if packed:
        dsps = slots // 2 * ceil_div(b["tt"], 2) * b["tk"]
        amount = Amount(*packed_lanes(lanes(slots)))
    else:
        dsps = slots * b["tt"] * b["tk"]
        amount = Amount(*plain_lanes(lanes(slots), beside_cascades=False, in_dsp=True))
    in_luts = plain_lanes(lanes(b["lut_slots"]), beside_cascades=packed, in_dsp=False)
    products = b["lut_slots"] * b["tt"] * b["tk"]
    # Widths that no plan has are interpolated or extrapolated from those that were measured.
    six, eight = c.fabric_product_lut, c.fabric_product8_lut
    product = Amount(six + (eight - six) * (bits - 6) // 2, NIBBLE_BITS + bits)
    registers = Amount(0, 2 * b["acc"] * b["tm"] * b["tt"])
    return amount + Amount(*in_luts) + product * products + registers, dsps


def _engine(b: RtlBlock, c: Coefficients) -> Price:
    amount, dsp = _lanes(b, c, ACTIVATION_BITS)
    tm, tt, tk, slots = b["tm"], b["tt"], b["tk"], 2 * b["pairs"]
    words = ceil_div(ROW_PARAM_BITS * tm, b["port"]) * (4 if tm >= 12 else 8 if tm >= 4 else 16)
    memories = (
        _bank(NIBBLE_BITS, 2 * b["beats"], b.family) * (tm * tk)
        + _bank(ACTIVATION_BITS, b["rows"], b.family) * (tt * tk)
        + _bank(b["port"], words, b.family)
    )
    per_word = b["port"] // ROW_PARAM_BITS
    select = tt * (slots * mux(tm // slots, b["acc"], c) + mux(slots, b["acc"], c))
    write = tm * tk * (mux(2, NIBBLE_BITS, c) + 1) + 4 * tk
    join = tt * units.PAIR_SUM_BITS * (2 * b["pairs"] + 1)
    lut = select + write + join + mux(per_word, ROW_PARAM_BITS, c)
    ff = slots * tt * b["acc"] + tt * units.PAIR_SUM_BITS * (b["pairs"] + 1)
    return amount + memories + Amount(lut, ff) + ENGINE_CONTROL + CONTROL, dsp, 0


def _buffer(b: RtlBlock, c: Coefficients) -> Price:
    if b["block"]:
        return Amount(2, 1), 0, b["banks"] * int(bram18_blocks(b["bits"], b["depth"]))
    return _bank(b["bits"], b["depth"], b.family) * b["banks"] + Amount(2, 1), 0, 0


def _bank(bits: int, depth: int, family: Family) -> Amount:
    """LUTs of one bank, with its output register.

    For UltraScale+ Yosys uses only cells of eight LUTs, although the data sheet also has cells of
    four (UG574). Plans are priced with both.
    """
    luts = int(lutram_luts(bits, depth, smallest=8 if family == "xcup" else 4))
    return Amount(luts, bits)


def _requantize(b: RtlBlock, c: Coefficients) -> Price:
    lane = units.requantizer(c)
    if b.family == "xc7":  # two DSPs a product: operands and low part wait two clocks
        wide, narrow = PORTS["xc7"]
        lane += Amount(0, 2 * (SUM_BITS - (wide - 1) + narrow + wide - 1))
    amount = lane * b["lanes"] + units.bias_shift(c)
    return amount + CONTROL, b["lanes"] * _dsps(b, 27, MULT_BITS), 0


def _gelu(b: RtlBlock, c: Coefficients) -> Price:
    banks = b["port"] // GELU_ENTRY_BITS
    table = _bank(ACTIVATION_BITS, GELU_ENTRIES // banks, b.family) * banks
    read = units.gelu_read(b["lanes"], banks, ACTIVATION_BITS, c)
    return table * b["lanes"] + read + Amount(2, 2), 0, 0


def _norm_statistics(b: RtlBlock, c: Coefficients) -> Price:
    amount = units.norm_statistics(b["lanes"], c) + units.reciprocal_sqrt(c)
    channels = units.CHANNEL_BITS
    products = ((SQUARES_BITS, channels), (SUM_BITS, SUM_BITS), (19, 17), (19, 17), (34, 17))
    dsp = b["lanes"] * _dsps(b, 16, 16) + sum(_dsps(b, *product) for product in products)
    setting = Amount(0, channels + 32)
    return amount + setting + CONTROL * 3, dsp, 1


def _normalise(b: RtlBlock, c: Coefficients) -> Price:
    amount = units.normaliser(ACTIVATION_BITS, c) * b["lanes"] + units.normaliser_shared(c)
    dsp = sum(_dsps(b, *product) for product in ((16, 11), (SUM_BITS, 18), (21, 18)))
    return amount + Amount(0, units.CHANNEL_BITS) + CONTROL * 2, b["lanes"] * dsp, 0


def _maximum(b: RtlBlock, c: Coefficients) -> Price:
    return units.maximum(b["lanes"], b["score"], c) + Amount(0, 3), 0, 0


def _exponential(b: RtlBlock, c: Coefficients) -> Price:
    shared = units.exponential_shared(b["lanes"], b["score"], c)
    amount = units.exponential(b["score"], c) * b["lanes"] + shared
    setting = Amount(0, MULT_BITS + units.SHIFT_BITS)
    dsp = b["lanes"] * _dsps(b, b["score"] + 1, MULT_BITS)
    return amount + setting + CONTROL, dsp, b["lanes"]


def _row_scale(b: RtlBlock, c: Coefficients) -> Price:
    setting = Amount(0, MULT_BITS + units.SHIFT_BITS)
    return units.divider(c) + setting + CONTROL, 0, 0


def _dsps(b: RtlBlock, wide: int, narrow: int) -> int:
    return dsp_blocks(wide, narrow, ports=PORTS[b.family])


_PRICES: Mapping[str, Callable[[RtlBlock, Coefficients], Price]] = MappingProxyType(
    {
        "array": _array,
        "engine": _engine,
        "buffer": _buffer,
        "requantize": _requantize,
        "gelu": _gelu,
        "norm_statistics": _norm_statistics,
        "normalise": _normalise,
        "maximum": _maximum,
        "exponential": _exponential,
        "row_scale": _row_scale,
    }
)
