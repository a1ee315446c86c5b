"""Every multiplier of the accelerator, with its operand widths: what DSPs are spent on."""

from __future__ import annotations

from qnas.accel.folding import Folding
from qnas.accel.memory import score_bits
from qnas.accel.plan import Multiplier
from qnas.architecture import Architecture
from qnas.numerics import MULT_BITS

SUM_BITS = 27  # LayerNorm: D * x - sum(x), D <= 1023 of 16-bit values
SQUARES_BITS = 41  # LayerNorm: sum of squares


def plan_multipliers(arch: Architecture, folding: Folding) -> tuple[Multiplier, ...]:
    """Engine, requantization, LayerNorm with its reciprocal square root, softmax.

    Widths are signed. Fields may be arrays inside the folding search (see loops.py).
    """
    f = folding
    lane_products = f.tt * f.tk
    return (
        Multiplier("engine", 4, 6, (f.tm - f.lut_slots) * lane_products, "dsp"),
        Multiplier("engine_lut", 4, 6, f.lut_slots * lane_products, "lut"),
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
