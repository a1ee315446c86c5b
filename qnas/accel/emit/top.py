"""qnas_top.hpp and qnas_top.cpp: the kernel, its memories, and the walk through the stage table."""

from __future__ import annotations

from qnas.accel.emit.constants import GENERATED
from qnas.accel.emit.writer import Writer
from qnas.accel.plan import Buffer, HardwarePlan

# Memories of the kernel in the plan's order: their C++ type, and the dimensions that are banks.
MEMORIES = {
    "act": ("ActMemory", (2, 3)),
    "key": ("KeyMemory", (2, 3)),
    "prob": ("ProbMemory", (2,)),
    "score": ("ScoreMemory", (2, 3)),
    "residual": ("ResidualMemory", (2, 3)),
    "weight": ("WeightMemory", (2, 3)),
    "row_param": ("RowParamMemory", (2,)),
    "query_scale": ("QueryScaleMemory", (2,)),
    "norm_param": ("NormParamMemory", (2,)),
    "gelu": ("GeluMemory", (2, 3)),
    "logit": ("LogitMemory", ()),
}
CALLS = {
    "LOAD_PATCHES": "load_patches(stage, image, act)",
    "LOAD_RESIDUAL": "load_residual(words, residual)",
    "LAYER_NORM": "layer_norm(stage, words, residual, norm_param, act)",
    "SOFTMAX": "softmax(stage, words, score, prob, query_scale)",
    "GEMM": "gemm(stage, words, act, key, prob, score, residual, weight, row_param, query_scale,"
    " gelu,\n     logit)",
}
TAP = "trace::tap(index, stage, act, key, prob, score, residual, query_scale, logit);"
SIGNATURE = (
    "void qnas_top(const ap_uint<plan::PORT_BITS>* weights,\n"
    "              const ap_uint<plan::PORT_BITS>* image, ap_int<32>* logits)"
)


def top_header() -> str:
    """Declaration of the kernel, for the test bench and the host."""
    out = Writer()
    out.line(f'{GENERATED}\n#pragma once\n#include <ap_int.h>\n\n#include "plan.hpp"\n')
    out.line("// One image: the weight stream and the packed patches in, the logits out.")
    out.line(f"{SIGNATURE};")
    return out.text()


def top_source(plan: HardwarePlan) -> str:
    """The kernel: a DATAFLOW of the weight stream's reader and of the walk through the stages."""
    out = Writer()
    out.line(f"{GENERATED}\n")
    headers = ("qnas_top", "dataflow", "gemm", "layer_norm", "loads", "softmax", "stages")
    out.line("\n".join(f'#include "{name}.hpp"' for name in headers))
    out.line("\nnamespace qnas {\n")
    _run(out, plan)
    out.line("\n}  // namespace qnas\n")
    _kernel(out, plan)
    return out.text()


def _run(out: Writer, plan: HardwarePlan) -> None:
    out.line("// All stages of one image, one after the other, on shared memories.")
    head = "static void run(WordStream& words, const word_t* image, ap_int<32>* logits)"
    with out.block(head):
        out.pragma("INLINE off")
        for buffer in plan.buffers:
            if buffer.name in MEMORIES:
                _memory(out, buffer)
        out.line()
        out.margin("stages:")
        with out.block("for (int index = 0; index < plan::STAGES; ++index)"):
            out.line("const Stage stage = STAGES[index];")
            _dispatch(out)
            out.margin("#ifdef QNAS_TRACE")
            out.line(TAP)
            out.margin("#endif")


def _memory(out: Writer, buffer: Buffer) -> None:
    kind, banks = MEMORIES[buffer.name]
    out.line(
        f"static {kind} {buffer.name};  // {buffer.banks} x {buffer.depth} x {buffer.bits} bits"
    )
    for dim in banks:
        out.pragma(f"ARRAY_PARTITION variable={buffer.name} complete dim={dim}")
    out.pragma(f"BIND_STORAGE variable={buffer.name} type=ram_s2p impl={buffer.storage}")


def _dispatch(out: Writer) -> None:
    with out.block("switch (stage.kind)"):
        for kind, call in CALLS.items():
            out.line(f"case {kind}:")
            with out.indented():
                out.line(f"{call};")
                if kind == "GEMM":
                    out.line("if (stage.epilogue == TO_LOGITS) store_logits(logit, logits);")
                out.line("break;")


def _kernel(out: Writer, plan: HardwarePlan) -> None:
    depth = next(b.depth for b in plan.buffers if b.name == "stream")
    with out.block(SIGNATURE):
        for index, port in enumerate(plan.ports):
            options = f"offset=slave bundle=gmem{index} depth={port.words}"
            if port.name == "weights":
                options += " max_read_burst_length=64 num_read_outstanding=16"
            out.pragma(f"INTERFACE m_axi port={port.name} {options}")
        for port in plan.ports:
            out.pragma(f"INTERFACE s_axilite port={port.name} bundle=control")
        out.pragma("INTERFACE s_axilite port=return bundle=control")
        out.pragma("DATAFLOW")
        out.line('qnas::WordStream words("words");')
        out.pragma(f"STREAM variable=words depth={depth}")
        out.line(f"QNAS_DEPTH(words, {depth});")
        out.line("QNAS_PROCESS(qnas::stream_in(weights, words));")
        out.line("QNAS_PROCESS(qnas::run(words, image, logits));")
        out.line("QNAS_JOIN();")
