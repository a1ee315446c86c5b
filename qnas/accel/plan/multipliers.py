"""Every multiplier of the accelerator, with its operand widths."""

from __future__ import annotations

from qnas._util.units import ceil_div
from qnas.accel.device import Device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.memory import NIBBLE_BITS, score_bits
from qnas.accel.plan.plan import Multiplier, Packing
from qnas.architecture import Architecture
from qnas.numerics import MULT_BITS, W4_MIN, act_max

DSP48E2_PORTS = (27, 18)  # bits of its multiplier
CASCADE = 4  # products summed before the fields are split, if a field can hold the sum
SUM_BITS = 27  # LayerNorm: D * x - sum(x), D <= 1023 of 16-bit values
SQUARES_BITS = 41  # LayerNorm: sum of squares


def packing(device: Device, activation_bits: int) -> Packing:
    """Find the packing with the most products in one DSP of `device`, with the widest fields.

    Two row slots w and one or two tokens x are multiplied at once. With F bits a field and T
    tokens:

        (w1 * 2**(T*F) + w0) * (x1 * 2**F + x0)     or     (w1 * 2**F + w0) * x0.

    A field holds n products if n * 8 * act_max < 2**(F - 1), which leaves one for the borrow of
    the field below. A DSP48E2 makes 2 x 2 products with 6-bit activations: fields 11 bits apart,
    four products summed (992 < 1024). With 8-bit activations two tokens would have to lie 12 bits
    apart, which 18 bits cannot hold: 2 x 1 products.
    """
    wide, narrow = (
        min(bits, port)
        for bits, port in zip(
            (device.dsp_wide_bits, device.dsp_narrow_bits), DSP48E2_PORTS, strict=True
        )
    )
    for tokens in (2, 1):
        field = (wide - NIBBLE_BITS - 1) // tokens
        if tokens == 2:
            field = min(field, narrow - activation_bits - 1)
        sums = ((1 << max(field - 1, 0)) - 1) // (-W4_MIN * act_max(activation_bits))
        if sums and narrow >= activation_bits:
            cascade = min(CASCADE, 1 << (sums.bit_length() - 1))
            return Packing(rows=2, tokens=tokens, field_bits=field, cascade=cascade)
    return Packing(rows=1, tokens=1, field_bits=0, cascade=1)


def packed_widths(packed: Packing, activation_bits: int) -> tuple[int, int]:
    """Signed operand widths of a packed product: (both nibbles, all its activations)."""
    further = packed.tokens - 1
    return (
        packed.tokens * packed.field_bits + NIBBLE_BITS + 1,
        further * (packed.field_bits + 1) + activation_bits,
    )


def plan_multipliers(
    arch: Architecture, device: Device, folding: Folding
) -> tuple[Multiplier, ...]:
    """List the multipliers of the engine, requantization, LayerNorm and softmax.

    LayerNorm's include those of its reciprocal square root. Widths are signed. Fields may be arrays
    inside the folding search (see loops.py).
    """
    f = folding
    bits, dsp_slots = arch.activation_bits, f.tm - f.lut_slots
    packed = packing(device, bits)
    packs = int(packed.rows == 2)
    # With two tokens in a DSP, an odd number of tokens leaves the second field of the last unused.
    dsp_tokens = f.tt - f.lut_tokens
    blocks = dsp_slots // 2 * ceil_div(dsp_tokens, packed.tokens)
    in_luts = (f.lut_slots * f.tt + dsp_slots * f.lut_tokens) * f.tk
    widths = packed_widths(packed, bits)
    return (
        Multiplier("engine_packed", *widths, packs * blocks * f.tk, "dsp"),
        Multiplier("engine", NIBBLE_BITS, bits, (1 - packs) * dsp_slots * dsp_tokens * f.tk, "dsp"),
        Multiplier("engine_lut", NIBBLE_BITS, bits, in_luts, "lut"),
        Multiplier("requantize", 27, MULT_BITS, f.tt * f.drain_pairs, "dsp"),
        Multiplier("norm_square", 16, 16, f.vl, "dsp"),
        Multiplier("norm_centre", 11, 16, f.vl, "dsp"),
        Multiplier("norm_scale", SUM_BITS, 18, f.vl, "dsp"),
        Multiplier("norm_gain", 21, 18, f.vl, "dsp"),
        Multiplier("norm_variance", SQUARES_BITS, 11, 1, "dsp"),
        Multiplier("norm_mean", SUM_BITS, SUM_BITS, 1, "dsp"),
        Multiplier("rsqrt_first", 19, 17, 2, "dsp"),
        Multiplier("rsqrt_last", 34, 17, 1, "dsp"),
        Multiplier("softmax_exponent", score_bits(arch) + 1, MULT_BITS, f.vl, "dsp"),
    )
