"""Every multiplier of the accelerator, with its operand widths: what DSPs are spent on."""

from __future__ import annotations

from qnas.accel.device import Device
from qnas.accel.folding import Folding
from qnas.accel.memory import score_bits
from qnas.accel.plan import Multiplier
from qnas.architecture import Architecture
from qnas.numerics import MULT_BITS
from qnas.units import ceil_div

# Two nibbles 22 bits apart times two activations 11 apart: four products in one DSP.
PACKED_BITS = (27, 18)
CASCADE = 4  # products of each field that are summed before the fields are split
SUM_BITS = 27  # LayerNorm: D * x - sum(x), D <= 1023 of 16-bit values
SQUARES_BITS = 41  # LayerNorm: sum of squares


def packs_products(device: Device) -> bool:
    """Whether the DSPs of `device` are wide enough for four products each."""
    wide, narrow = PACKED_BITS
    return device.dsp_wide_bits >= wide and device.dsp_narrow_bits >= narrow


def plan_multipliers(
    arch: Architecture, device: Device, folding: Folding
) -> tuple[Multiplier, ...]:
    """Engine, requantization, LayerNorm with its reciprocal square root, softmax.

    Widths are signed. Fields may be arrays inside the folding search (see loops.py).
    """
    f = folding
    dsp_slots = f.tm - f.lut_slots
    packs = int(packs_products(device))
    blocks = dsp_slots // 2 * ceil_div(f.tt, 2)  # an odd last token leaves half of its blocks idle
    return (
        Multiplier("engine_packed", *PACKED_BITS, packs * blocks * f.tk, "dsp"),
        Multiplier("engine", 4, 6, (1 - packs) * dsp_slots * f.tt * f.tk, "dsp"),
        Multiplier("engine_lut", 4, 6, f.lut_slots * f.tt * f.tk, "lut"),
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
