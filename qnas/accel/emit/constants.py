"""plan.hpp and tables.hpp: every size and constant table that the C++ library is compiled with."""

from __future__ import annotations

import numpy as np

from qnas.accel.emit.writer import Writer
from qnas.accel.loops import ENGINE_LOOPS, beat_words, patch_lanes, residual_lanes, row_param_words
from qnas.accel.memory import PASS_STREAMS
from qnas.accel.plan import Buffer, HardwarePlan, Stage
from qnas.numerics import EXP_TABLE, RSQRT_TABLE, Ints, act_max
from qnas.units import ceil_div

GENERATED = "// Generated from plan.json; do not edit."
TABLE_COLUMNS = 12


def plan_header(plan: HardwarePlan) -> str:
    """`namespace plan`: folding, shapes, memory sizes, formats and ports as constexpr."""
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n\nnamespace plan {{\n")
    for comment, values in _constants(plan):
        out.line(f"// {comment}")
        for name, value in values.items():
            out.line(f"constexpr int {name} = {value};")
        out.line()
    out.line("}  // namespace plan")
    return out.text()


def _constants(plan: HardwarePlan) -> list[tuple[str, dict[str, int]]]:
    return [
        ("Folding: row slots x tokens x inputs a cycle, lanes of the vector unit.", _folding(plan)),
        ("Shapes of the network.", _shapes(plan)),
        ("Memories: rows, and what a token group or a query takes of them.", _memories(plan)),
        ("DSPs: ports; row slots x tokens in one, bits a field, products summed.", _dsp(plan)),
        ("Formats.", _formats(plan)),
        ("Ports and streams, in words.", _ports(plan)),
        ("Largest trip counts, for reports.", _trips(plan)),
    ]


def _folding(plan: HardwarePlan) -> dict[str, int]:
    f = plan.folding
    lanes = {"TM": f.tm, "TT": f.tt, "TK": f.tk, "VL": f.vl}
    return {**lanes, "LUT_SLOTS": f.lut_slots, "DRAIN_PAIRS": f.drain_pairs}


def _dsp(plan: HardwarePlan) -> dict[str, int]:
    packed = plan.packing
    return {
        "DSP_WIDE_BITS": plan.dsp_wide_bits,
        "DSP_NARROW_BITS": plan.dsp_narrow_bits,
        "DSP_ROWS": packed.rows,
        "DSP_TOKENS": packed.tokens,
        "FIELD_BITS": packed.field_bits,
        "CASCADE": min(packed.cascade, plan.folding.tk),
    }


def _formats(plan: HardwarePlan) -> dict[str, int]:
    return {
        "ACT_BITS": plan.activation_bits,
        "ACT_MAX": act_max(plan.activation_bits),
        "ACC_BITS": plan.accumulator_bits,
        "SCORE_BITS": plan.score_bits,
    }


def _shapes(plan: HardwarePlan) -> dict[str, int]:
    arch = plan.architecture
    return {
        "TOKENS": arch.num_tokens,
        "EMBED_DIM": arch.embed_dim,
        "HEAD_DIM": arch.head_dim,
        "MAX_HEADS": max(block.num_heads for block in arch.blocks),
        "CLASSES": arch.num_classes,
        "STAGES": len(plan.stages),
        "STEPS": len({stage.step for stage in plan.stages}),
    }


def _memories(plan: HardwarePlan) -> dict[str, int]:
    arch, f, port_bits = plan.architecture, plan.folding, plan.ports[0].bits
    buffers = {b.name: b for b in plan.buffers}
    names = ("act", "key", "prob", "score", "residual", "weight", "row_param", "norm_param")
    return {
        **{f"{name.upper()}_ROWS": buffers[name].depth for name in names},
        "QUERY_SCALE_ROWS": buffers["query_scale"].depth,
        "MAX_BEATS": buffers["weight"].depth // 2,
        "PROB_STRIDE": ceil_div(arch.num_tokens, f.tk),
        "SCORE_STRIDE": ceil_div(arch.num_tokens, f.vl),
        "RESIDUAL_STRIDE": ceil_div(arch.embed_dim, f.vl),
        "ROW_PARAM_WORDS": int(row_param_words(f, port_bits)),
        "ROW_PARAM_BANKS": buffers["row_param"].banks,
        "NORM_PARAM_BANKS": buffers["norm_param"].banks,
        "GELU_LANES": _lanes(buffers["gelu"], f.tt),
        "GELU_ROWS": buffers["gelu"].depth,
    }


def _lanes(buffer: Buffer, copies: int) -> int:
    return buffer.banks // copies


def _ports(plan: HardwarePlan) -> dict[str, int]:
    port_bits = plan.image_port.bits
    return {
        "PORT_BITS": port_bits,
        "WEIGHT_PORTS": len(plan.weight_ports),
        "STREAM_BITS": plan.stream_bits,
        "BEAT_WORDS": int(beat_words(plan.folding, port_bits)),
        "RESIDUAL_LANES": int(residual_lanes(plan.folding, port_bits)),
        "PATCH_LANES": int(patch_lanes(plan.folding, port_bits)),
        "WEIGHT_STREAM_WORDS": plan.stream_words,
        "IMAGE_WORDS": plan.image_port.words,
        **{f"{b.name.upper()}_DEPTH": b.depth for b in plan.buffers if b.name in PASS_STREAMS},
    }


def _trips(plan: HardwarePlan) -> dict[str, int]:
    gemms = [s for s in plan.stages if s.kind == "gemm"]
    return {
        "MAX_STEPS": max(engine_steps(s) for s in gemms),
    }


def row_steps(token_tiles: int, tile_steps: int, load_steps: int) -> int:
    """Iterations of one row tile: whichever of computing and loading takes longer."""
    return max(token_tiles * tile_steps, load_steps)


def engine_steps(stage: Stage) -> int:
    """Iterations of the engine's loop in one stage, all phases together."""
    return sum(loop.trips for loop in stage.loops if loop.name in ENGINE_LOOPS)


def tables_header() -> str:
    """The constant tables of softmax and LayerNorm (NUMERICS.md, sections 4 and 5)."""
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n#include <ap_int.h>\n\nnamespace qnas {{\n")
    out.line("// round(119 * 2**8 * 2**(-i / 2**8))")
    _table(out, "ap_uint<15> EXP_TABLE", EXP_TABLE)
    out.line("\n// round(2**19 / sqrt(i + 64.5))")
    _table(out, "ap_uint<16> RSQRT_TABLE", RSQRT_TABLE)
    out.line("\n}  // namespace qnas")
    return out.text()


def _table(out: Writer, declaration: str, values: Ints) -> None:
    with out.block(f"static const {declaration}[{len(values)}] =", end="};"):
        for part in np.split(values, range(TABLE_COLUMNS, len(values), TABLE_COLUMNS)):
            out.line(", ".join(str(int(v)) for v in part) + ",")
