"""qnas_top.hpp and qnas_top.cpp: the kernel, its memories, and the walk through the stage table."""

from __future__ import annotations

from collections.abc import Sequence

from qnas.accel.hls.emit.constants import GENERATED, walk_length
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.plan import Buffer, HardwarePlan

# Memories of the kernel in the plan's order: their C++ type, and the dimensions that are banks.
MEMORIES = {
    "act": ("ActMemory", (2, 3)),
    "key": ("KeyMemory", (2,)),
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
    "LOAD_RESIDUAL": "load_residual(stage, words, residual)",
    "LAYER_NORM": "layer_norm(stage, words, residual, norm_param, act)",
}
SOFTMAX = "softmax(step, scalars, {score}, {prob}, {query_scale});"
PRODUCTS = (
    "products(step, words, act, key, {prob}, {score}, residual, weight, row_param,\n"
    "         {query_scale}, gelu, logit, logits);"
)
# What a softmax and the products beside it have one of each, or a copy a head.
ATTENTION = ("prob", "score", "query_scale")


def top_header(plans: Sequence[HardwarePlan]) -> str:
    """Declaration of the kernel, for the test bench and the host."""
    out = Writer()
    out.line(f'{GENERATED}\n#pragma once\n#include <ap_int.h>\n\n#include "plan.hpp"\n')
    out.line("// One image: the weight stream and the packed patches in, the logits out.")
    if len(plans) > 1:
        out.line("// `network` says whose: 0 to plan::NETWORKS - 1, and nothing else.")
    out.line(f"{_signature(plans)};")
    return out.text()


def top_source(plans: Sequence[HardwarePlan]) -> str:
    """The kernel: a DATAFLOW of the weight stream's reader and of the walk through the stages."""
    out = Writer()
    out.line(f"{GENERATED}\n")
    headers = ("qnas_top", "dataflow", "layer_norm", "loads", "stages", "step")
    out.line("\n".join(f'#include "{name}.hpp"' for name in headers))
    out.line("\nnamespace qnas {\n")
    _stream_in(out, plans)
    out.line()
    _run(out, plans)
    out.line("\n}  // namespace qnas\n")
    _kernel(out, plans)
    return out.text()


def _signature(plans: Sequence[HardwarePlan]) -> str:
    inputs = [port.name for port in (*plans[0].weight_ports, plans[0].image_port)]
    words = (f"const ap_uint<plan::PORT_BITS>* {name}" for name in inputs)
    arguments = [*words, "ap_int<32>* logits"]
    if len(plans) > 1:
        arguments.append("int network")
    return "void qnas_top(" + ",\n              ".join(arguments) + ")"


def _stream_in(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    names = [port.name for port in plans[0].weight_ports]
    out.line("// The whole weight stream, each port in one sequential burst, side by side.")
    ports = (f"const port_word_t* {name}" for name in names)
    arguments = (*ports, "int network, WordStream& words)")
    with out.block("static void stream_in(" + ",\n                      ".join(arguments)):
        out.pragma("INLINE off")
        out.line("const int count = NETWORKS[network].stream_words;")
        out.margin("stream:")
        with out.block("for (int i = 0; i < count; ++i)"):
            out.pragma("PIPELINE II=1")
            _trip_count(out, [plan.stream_words for plan in plans])
            out.line("word_t word = 0;")
            for index, name in enumerate(names):
                out.line(f"place<{index}>({name}[i], word);")
            out.line("words.write(word);")


def _trip_count(out: Writer, counts: Sequence[int]) -> None:
    out.pragma(f"LOOP_TRIPCOUNT min={min(counts)} max={max(counts)}")


def _run(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    plan = plans[0]
    out.line("// All steps of one image, one after the other, on shared memories.")
    arguments = "WordStream& words, const port_word_t* image, int network"
    with out.block(f"static void run({arguments},\n                ap_int<32>* logits)"):
        out.pragma("INLINE off")
        if plan.folding.head_buffers > 1:
            for side in ("softmax", "products"):
                out.pragma(f"ALLOCATION function instances={side} limit=1")
        for buffer in plan.buffers:
            if buffer.name in MEMORIES:
                for name in _copies(buffer.name, buffer.copies):
                    _memory(out, buffer, name)
        out.line("const Network of = NETWORKS[network];\n")
        out.margin("steps:")
        with out.block("for (int index = 0; index < of.steps; ++index)"):
            _trip_count(out, [walk_length(one) for one in plans])
            out.line("const Step step = STEPS[of.first_step + index];")
            out.line("const Stage stage = STAGES[step.first];")
            _dispatch(out, plan.folding.head_buffers)


def _copies(name: str, copies: int) -> tuple[str, ...]:
    return (name,) if copies == 1 else tuple(f"{name}_{copy}" for copy in range(copies))


def _memory(out: Writer, buffer: Buffer, name: str) -> None:
    kind, banks = MEMORIES[buffer.name]
    out.line(f"static {kind} {name};  // {buffer.banks} x {buffer.depth} x {buffer.bits} bits")
    for dim in banks:
        out.pragma(f"ARRAY_PARTITION variable={name} complete dim={dim}")
    out.pragma(f"BIND_STORAGE variable={name} type=ram_s2p impl={buffer.storage}")


def _dispatch(out: Writer, head_buffers: int) -> None:
    """Loads and norms by kind; every other step is a softmax, products, or both."""
    halves = [{name: _copies(name, head_buffers)[half] for name in ATTENTION} for half in (0, -1)]
    tap = f"QNAS_TAP(step.first, stage, act, key, {halves[0]['score']}, residual, logit);"
    with out.block("switch (step.softmax < 0 ? stage.kind : SOFTMAX)"):
        for kind, call in CALLS.items():
            out.line(f"case {kind}:")
            with out.indented():
                out.line(f"{call};")
                out.line(tap)
                out.line("break;")
        with out.block("default:"):
            out.line("const SoftmaxScalars scalars = softmax_parameters(step, words);")
            if head_buffers == 1:
                _sides(out, softmax=halves[0], products=halves[0])
            else:
                with out.block("if (step.half == 0)", end="} else {"):
                    _sides(out, softmax=halves[1], products=halves[0])
                with out.indented():
                    _sides(out, softmax=halves[0], products=halves[1])
                out.line("}")


def _sides(out: Writer, *, softmax: dict[str, str], products: dict[str, str]) -> None:
    out.line(SOFTMAX.format(**softmax))
    out.line(PRODUCTS.format(**products))


def _kernel(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    plan, network = plans[0], "network" if len(plans) > 1 else "0"
    depth = next(b.depth for b in plan.buffers if b.name == "stream")
    weights = ", ".join(port.name for port in plan.weight_ports)
    with out.block(_signature(plans)):
        for index, port in enumerate(plan.ports):
            words = max(one.ports[index].words for one in plans)
            options = f"offset=slave bundle=gmem{index} depth={words}"
            if port in plan.weight_ports:
                options += " max_read_burst_length=64 num_read_outstanding=16"
            out.pragma(f"INTERFACE m_axi port={port.name} {options}")
        for port in plan.ports:
            out.pragma(f"INTERFACE s_axilite port={port.name} bundle=control")
        if len(plans) > 1:
            out.pragma("INTERFACE s_axilite port=network bundle=control")
        out.pragma("INTERFACE s_axilite port=return bundle=control")
        out.pragma("DATAFLOW")
        out.line('qnas::WordStream words("words");')
        out.pragma(f"STREAM variable=words depth={depth}")
        out.line(f"QNAS_DEPTH(words, {depth});")
        out.line(f"QNAS_PROCESS(qnas::stream_in({weights}, {network}, words));")
        out.line(f"QNAS_PROCESS(qnas::run(words, image, {network}, logits));")
        out.line("QNAS_JOIN();")
