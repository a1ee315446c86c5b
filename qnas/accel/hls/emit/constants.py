"""plan.hpp and tables.hpp: every size and constant table that the C++ library is compiled with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.loops import (
    ENGINE_LOOPS,
    beat_words,
    patch_lanes,
    residual_lanes,
    row_param_words,
)
from qnas.accel.plan.memory import NIBBLE_BITS
from qnas.accel.plan.multipliers import DSP48E2_PORTS
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.numerics import EXP_TABLE, RSQRT_TABLE, Ints, act_max

GENERATED = "// Generated from plan.json; do not edit."
# Memories of the kernel in the plan's order: their C++ type, and the dimensions that are banks.
MEMORIES = {
    "act": ("ActMemory", (2,)),
    "key": ("KeyMemory", (2,)),
    "prob": ("ProbMemory", (2, 3)),
    "score": ("ScoreMemory", (2,)),
    "score_delay": ("ScoreDelayMemory", (2,)),
    "residual": ("ResidualMemory", (2,)),
    "residual_delay": ("ResidualDelayMemory", (2,)),
    "weight": ("WeightMemory", (2, 3)),
    "row_param": ("RowParamMemory", (2,)),
    "query_scale": ("QueryScaleMemory", (2,)),
    "norm_param": ("NormParamMemory", (2,)),
    "gelu": ("GeluMemory", (2, 3)),
    "logit": ("LogitMemory", ()),
}
TABLE_COLUMNS = 12


def plan_header(plans: Sequence[HardwarePlan]) -> str:
    """`namespace plan`: folding, shapes, memory sizes, formats and ports as constexpr: what the
    plans of a kernel have in common, or the largest of any."""
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n\nnamespace plan {{\n")
    for comment, values in _constants(plans):
        out.line(f"// {comment}")
        for name, value in values.items():
            out.line(f"constexpr int {name} = {value};")
        out.line()
    out.line("}  // namespace plan\n")
    out.line("// Namespace of the DSP intrinsics of Vitis HLS, from 2023.2 on (QNAS_DSP_BUILTINS).")
    out.line(f"#define QNAS_DSP {_dsp_namespace(plans[0])}")
    return out.text()


def _constants(plans: Sequence[HardwarePlan]) -> list[tuple[str, dict[str, int]]]:
    plan = plans[0]
    return [
        ("Folding: row slots x tokens x inputs a cycle, vector lanes, images.", _folding(plan)),
        ("Shapes, of the largest network where there are several.", _shapes(plans)),
        (
            "Memories: rows, what an image, token or query takes of them, banks, words.",
            _memories(plans),
        ),
        ("DSPs: ports; row slots x tokens in one, bits a field, products summed.", _dsp(plan)),
        ("Formats.", _formats(plan)),
        ("Ports and streams, in words.", _ports(plan)),
        ("Fewest and most iterations, for reports.", _trips(plans)),
    ]


def _folding(plan: HardwarePlan) -> dict[str, int]:
    f = plan.folding
    lanes = {"TM": f.tm, "TT": f.tt, "TK": f.tk, "VL": f.vl}
    return {
        **lanes,
        "LUT_SLOTS": f.lut_slots,
        "LUT_TOKENS": f.lut_tokens,
        "DRAIN_PAIRS": f.drain_pairs,
        "SCORE_PAIRS": f.score_pairs,
        "LOAD_PAIRS": f.load_pairs,
        "HEAD_BUFFERS": f.head_buffers,
        "BATCH": f.batch,
    }


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


def _dsp_namespace(plan: HardwarePlan) -> str:
    """Of the DSPs that have these ports (UG1399, "DSP Intrinsics")."""
    if plan.dsp_wide_bits < DSP48E2_PORTS[0]:
        return "dsp48e1"
    return "dsp48e2" if plan.dsp_narrow_bits <= DSP48E2_PORTS[1] else "dsp58"


def _formats(plan: HardwarePlan) -> dict[str, int]:
    return {
        "ACT_BITS": plan.activation_bits,
        "ACT_MAX": act_max(plan.activation_bits),
        "ACC_BITS": plan.accumulator_bits,
        "SCORE_BITS": plan.score_bits,
    }


def _shapes(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    archs = [plan.architecture for plan in plans]
    return {
        "NETWORKS": len(plans),
        "TOKENS": archs[0].num_tokens,
        "IMAGE_PATCHES": archs[0].num_patches,
        "MAX_EMBED_DIM": max(arch.embed_dim for arch in archs),
        "HEAD_DIM": archs[0].head_dim,
        "MAX_HEADS": max(block.num_heads for arch in archs for block in arch.blocks),
        "CLASSES": archs[0].num_classes,
        "STAGES": sum(len(plan.stages) for plan in plans),
        "STEPS": sum(walk_length(plan) for plan in plans),
    }


def walk_length(plan: HardwarePlan) -> int:
    """Steps of the network."""
    return len({stage.step for stage in plan.stages})


def _memories(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    plan = plans[0]
    f, port_bits = plan.folding, plan.ports[0].bits
    buffers = {b.name: b for b in plan.buffers}
    dims = [one.architecture.embed_dim for one in plans]
    banks = {
        "ACT_BANKS": buffers["act"].banks,
        "ACT_WORD": plan.act_word,
        "SCORE_BANKS": buffers["score"].banks,
        "RESIDUAL_BANKS": buffers["residual"].banks,
        "WEIGHT_WORD": buffers["weight"].bits // NIBBLE_BITS,
    }
    return {
        **{f"{name.upper()}_ROWS": buffers[name].depth for name in MEMORIES},
        **{f"{name.upper()}_IMAGE_ROWS": rows for name, rows in plan.image_rows.items()},
        "MAX_BEATS": buffers["weight"].depth // 2,
        "KEY_STRIDE": ceil_div(plan.architecture.head_dim, f.tk),
        "PROB_STRIDE": ceil_div(plan.architecture.num_tokens, f.tk),
        "SCORE_STRIDE": ceil_div(plan.architecture.num_tokens, banks["SCORE_BANKS"]),
        "SCORE_VECTORS": ceil_div(plan.architecture.num_tokens, f.vl),
        "RESIDUAL_STRIDE": max(ceil_div(a, banks["RESIDUAL_BANKS"]) for a in dims),
        **banks,
        "ROW_PARAM_WORDS": int(row_param_words(f, port_bits)),
        "ROW_PARAM_BANKS": buffers["row_param"].banks,
        "NORM_PARAM_BANKS": buffers["norm_param"].banks,
        "GELU_LANES": buffers["gelu"].banks // f.tt,
    }


def _residual_vectors(plan: HardwarePlan) -> int:
    return ceil_div(plan.architecture.embed_dim, plan.folding.vl)


def _ports(plan: HardwarePlan) -> dict[str, int]:
    port_bits = plan.image_port.bits
    return {
        "PORT_BITS": port_bits,
        "WEIGHT_PORTS": len(plan.weight_ports),
        "STREAM_BITS": plan.stream_bits,
        "BEAT_WORDS": int(beat_words(plan.folding, port_bits)),
        "RESIDUAL_LANES": int(residual_lanes(plan.folding, port_bits)),
        "PATCH_LANES": int(patch_lanes(plan.folding, port_bits)),
        "IMAGE_WORDS": plan.image_words,
    }


def _trips(plans: Sequence[HardwarePlan]) -> dict[str, int]:
    stages = [stage for plan in plans for stage in plan.stages]
    residual_words = [stage.stream_words for stage in stages if stage.kind == "load_residual"]
    return {
        "MAX_STEPS": max(stage_steps(stage) for stage in stages if stage.kind == "gemm"),
        "MIN_RESIDUAL_VECTORS": min(map(_residual_vectors, plans)),
        "MIN_RESIDUAL_WORDS": min(residual_words),
        "MAX_RESIDUAL_WORDS": max(residual_words),
    }


def stage_steps(stage: Stage) -> int:
    """Iterations of a stage's loop over its tiles (all phases of the engine's) or tokens."""
    if stage.kind == "gemm":
        return sum(loop.trips for loop in stage.loops if loop.name in ENGINE_LOOPS)
    return stage.loops[-1].trips


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
