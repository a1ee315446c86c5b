"""The blocks that a plan is made of, at the plan's own size."""

from __future__ import annotations

from qnas.accel.device import load_device
from qnas.accel.plan.loops import GELU_ENTRY_BITS
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.block import Family, RtlBlock

ACTIVATION_BITS = 6


def blocks_of(plan: HardwarePlan) -> tuple[RtlBlock, ...]:
    """The array, a requantizer a token lane, the vector unit, and every memory; each block once.

    The vector unit is left out for devices of the 7 series, for which no blocks of it exist; of
    activations of 8 bits the table of GELU.
    """
    f, family = plan.folding, family_of(plan)
    array = RtlBlock.of(
        "array",
        family,
        tm=f.tm,
        tt=f.tt,
        tk=f.tk,
        lut_slots=f.lut_slots,
        acc=plan.accumulator_bits,
        wx=plan.activation_bits,
        packed=int(plan.packing.tokens > 1),
    )
    found = [array, RtlBlock.of("requantize", family, lanes=f.tt)]
    if family == "xcup":
        found += _vector_unit(plan)
    for buffer in plan.buffers:
        if buffer.storage != "registers":
            block = int(buffer.storage == "bram")
            sizes = {"bits": buffer.bits, "banks": buffer.banks, "depth": buffer.depth}
            found.append(RtlBlock.of("buffer", family, **sizes, block=block))
    return tuple(dict.fromkeys(found))


def family_of(plan: HardwarePlan) -> Family:
    """What Yosys calls the family of the plan's device."""
    return "xc7" if load_device(plan.device).part.lower().startswith("xc7") else "xcup"


def _vector_unit(plan: HardwarePlan) -> list[RtlBlock]:
    f, score = plan.folding, plan.score_bits
    found = [
        RtlBlock.of("norm_statistics", lanes=f.vl),
        RtlBlock.of("normalise", lanes=f.vl),
        RtlBlock.of("maximum", lanes=f.vl, score=score),
        RtlBlock.of("exponential", lanes=f.vl, score=score),
        RtlBlock.of("row_scale", width=17),
    ]
    port = plan.ports[0].bits
    if plan.activation_bits == ACTIVATION_BITS and port >= GELU_ENTRY_BITS:
        found.append(RtlBlock.of("gelu", lanes=f.tt, port=port))
    return found
