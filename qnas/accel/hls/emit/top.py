"""qnas_top.hpp and qnas_top.cpp: the kernel, its memories, and the walk through the stage table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from qnas.accel.hls.emit.constants import GENERATED, MEMORIES, walk_length
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.plan import Buffer, HardwarePlan

# What a step does, by the kind of its first stage: loads and norms; all others are products of the
# array and softmaxes.
CALLS = {
    "LOAD_PATCHES": "load_patches(stage, pixels, act)",
    "LOAD_RESIDUAL": "load_residual(stage, words, residual)",
    "LAYER_NORM": "layer_norm(stage, words, residual, norm_param, residual_delay, act)",
}
PRODUCTS = (
    "products(step, words, act, key, prob, score, score_delay, residual, weight, row_param,\n"
    "         query_scale, gelu, logit, answers);"
)
TAP = "QNAS_TAP(step.first, stage, act, key, score, residual, logit);"
PASSES_A_CALL = 2  # of the test bench: what a simulation of the ports must hold
# Streams of the DATAFLOW region, by the buffer of the plan: C++ type and name.
STREAMS = {
    "stream": ("WordStream", "words"),
    "pixels": ("PixelStream", "pixels"),
    "answers": ("AnswerStream", "answers"),
}


def top_header(plans: Sequence[HardwarePlan]) -> str:
    """Declaration of the kernel, for the test bench and the host."""
    out = Writer()
    out.line(f'{GENERATED}\n#pragma once\n#include <ap_int.h>\n\n#include "plan.hpp"\n')
    out.line("// `images` images, one behind the other: their packed patches in, their logits out.")
    out.line(
        "// A multiple of plan::BATCH, the images of a pass, which reads the weight stream once."
    )
    if len(plans) > 1:
        out.line("// `network` says whose: 0 to plan::NETWORKS - 1, and nothing else.")
    out.line(f"{_signature(plans)};")
    return out.text()


def top_source(plans: Sequence[HardwarePlan]) -> str:
    """The kernel: a DATAFLOW of what reads the ports, the walk through the stages, and what writes
    the logits."""
    out = Writer()
    out.line(f"{GENERATED}\n")
    headers = ("qnas_top", "dataflow", "layer_norm", "loads", "stages", "step")
    out.line("\n".join(f'#include "{name}.hpp"' for name in headers))
    out.line("\nnamespace qnas {\n")
    _stream_in(out, plans)
    out.line()
    _image_in(out)
    out.line()
    _run(out, plans)
    out.line()
    _logits_out(out)
    out.line("\n}  // namespace qnas\n")
    _kernel(out, plans)
    return out.text()


def _signature(plans: Sequence[HardwarePlan]) -> str:
    inputs = [port.name for port in (*plans[0].weight_ports, plans[0].image_port)]
    words = (f"const ap_uint<plan::PORT_BITS>* {name}" for name in inputs)
    arguments = [*words, "ap_int<32>* logits", "int images"]
    if len(plans) > 1:
        arguments.append("int network")
    return "void qnas_top(" + ",\n              ".join(arguments) + ")"


@contextmanager
def _process(out: Writer, name: str, arguments: Sequence[str]) -> Iterator[None]:
    """A process of the DATAFLOW region, with a loop over the passes of the call."""
    head = f"static void {name}("
    text = (",\n" + " " * len(head)).join(arguments)
    with out.block(f"{head}{text})"):
        out.pragma("INLINE off")
        yield


@contextmanager
def _passes(out: Writer) -> Iterator[None]:
    out.margin("passes:")
    with out.block("for (int number = 0; number < images; number += plan::BATCH)"):
        out.pragma("PIPELINE off")
        out.pragma("LOOP_TRIPCOUNT min=1 max=1")
        yield


def _stream_in(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    names = [port.name for port in plans[0].weight_ports]
    out.line(
        "// The whole weight stream for each pass, each port in one sequential burst, side by side."
    )
    ports = [f"const port_word_t* {name}" for name in names]
    arguments = [*ports, "int images, int network, WordStream& words"]
    with _process(out, "stream_in", arguments):
        out.line("const int count = NETWORKS[network].stream_words;")
        with _passes(out):
            out.margin("stream:")
            with out.block("for (int i = 0; i < count; ++i)"):
                out.pragma("PIPELINE II=1")
                _trip_count(out, [plan.stream_words for plan in plans])
                out.line("word_t word = 0;")
                for index, name in enumerate(names):
                    out.line(f"place<{index}>({name}[i], word);")
                out.line("words.write(word);")


def _image_in(out: Writer) -> None:
    out.line("// All images of a call: the next pass's first words wait while one is computed.")
    with _process(out, "image_in", ["const port_word_t* image, int images, PixelStream& pixels"]):
        out.line("int first = 0;")
        with _passes(out):
            out.margin("pixels:")
            with out.block("for (int i = 0; i < plan::BATCH * plan::IMAGE_WORDS; ++i)"):
                out.pragma("PIPELINE II=1")
                out.line("pixels.write(image[first + i]);")
            out.line("first += plan::BATCH * plan::IMAGE_WORDS;")


def _logits_out(out: Writer) -> None:
    out.line("// Writes the logits while the next pass is computed.")
    arguments = ["AnswerStream& answers, int images, ap_int<32>* logits"]
    with _process(out, "logits_out", arguments):
        out.line("int first = 0;")
        with _passes(out):
            out.margin("classes:")
            with out.block("for (int i = 0; i < plan::BATCH * plan::CLASSES; ++i)"):
                out.pragma("PIPELINE II=1")
                out.line("logits[first + i] = answers.read();")
            out.line("first += plan::BATCH * plan::CLASSES;")


def _trip_count(out: Writer, counts: Sequence[int]) -> None:
    out.pragma(f"LOOP_TRIPCOUNT min={min(counts)} max={max(counts)}")


def _run(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    out.line("// All steps of each pass, one after the other, on shared memories.")
    streams = "WordStream& words, PixelStream& pixels"
    arguments = [f"{streams}, int images, int network", "AnswerStream& answers"]
    with _process(out, "run", arguments):
        for buffer in plans[0].buffers:
            if buffer.name in MEMORIES:
                _memory(out, buffer, plans[0])
        out.line("const Network of = NETWORKS[network];\n")
        with _passes(out):
            out.margin("steps:")
            with out.block("for (int index = 0; index < of.steps; ++index)"):
                out.pragma("PIPELINE off")
                _trip_count(out, [walk_length(one) for one in plans])
                out.line("const Step step = STEPS[of.first_step + index];")
                out.line("const Stage stage = STAGES[step.first];")
                _dispatch(out)


def _memory(out: Writer, buffer: Buffer, plan: HardwarePlan) -> None:
    name, (kind, banks) = buffer.name, MEMORIES[buffer.name]
    out.line(f"static {kind} {name};  // {buffer.banks} x {buffer.depth} x {buffer.bits} bits")
    for dim in banks:
        out.pragma(f"ARRAY_PARTITION variable={name} complete dim={dim}")
    if name == "act":
        reshape = "RESHAPE" if plan.act_word > 1 else "PARTITION"
        out.pragma(f"ARRAY_{reshape} variable=act complete dim=3")
    out.pragma(f"BIND_STORAGE variable={name} type=ram_s2p impl={buffer.storage}")


def _dispatch(out: Writer) -> None:
    with out.block("switch (stage.kind)"):
        for kind, call in CALLS.items():
            out.line(f"case {kind}:")
            with out.indented():
                out.line(f"{call};\n{TAP}\nbreak;")
        out.line("default:")
        with out.indented():
            out.line(PRODUCTS)


def _kernel(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    plan, network = plans[0], "network" if len(plans) > 1 else "0"
    with out.block(_signature(plans)):
        for index, port in enumerate(plan.ports):
            words = max(one.ports[index].words for one in plans)
            passes = 1 if port in plan.weight_ports else PASSES_A_CALL
            options = f"offset=slave bundle=gmem{index} depth={words * passes}"
            burst = f"max_{port.direction}_burst_length={port.burst}"
            outstanding = f"num_{port.direction}_outstanding={port.outstanding}"
            out.pragma(f"INTERFACE m_axi port={port.name} {options} {burst} {outstanding}")
        registers = [*(port.name for port in plan.ports), "images"]
        if len(plans) > 1:
            registers.append("network")
        for name in (*registers, "return"):
            out.pragma(f"INTERFACE s_axilite port={name} bundle=control")
        out.pragma("DATAFLOW")
        for buffer in plan.buffers:
            if buffer.name in STREAMS:
                _stream(out, buffer)
        weights = ", ".join(port.name for port in plan.weight_ports)
        for call in (
            f"stream_in({weights}, images, {network}, words)",
            "image_in(image, images, pixels)",
            f"run(words, pixels, images, {network}, answers)",
            "logits_out(answers, images, logits)",
        ):
            out.line(f"QNAS_PROCESS(qnas::{call});")
        out.line("QNAS_JOIN();")


def _stream(out: Writer, buffer: Buffer) -> None:
    kind, name = STREAMS[buffer.name]
    out.line(f'qnas::{kind} {name}("{name}");')
    out.pragma(f"STREAM variable={name} depth={buffer.depth}")
    out.pragma(f"BIND_STORAGE variable={name} type=fifo impl={buffer.storage}")
    out.line(f"QNAS_DEPTH({name}, {buffer.depth});")
