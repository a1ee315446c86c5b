"""tb/project.hpp, and the vectors that the test bench compares with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

import numpy as np

from qnas.accel.hls.emit.constants import GENERATED, MEMORIES
from qnas.accel.hls.emit.stages import first_stages
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.integer.network import IntegerNetwork
from qnas.numerics import Ints
from qnas.operations import Gemm, Operation, Softmax, Tensor, network_operations

MAGIC = b"QNASVEC2"
# C++ types of the plan's buffers; the tables and the FIFO are declared with their sizes.
TYPES = {
    **{name: kind for name, (kind, _) in MEMORIES.items()},
    **dict.fromkeys(("accumulator", "drain"), "Accumulators"),
}


def stage_values(plan: HardwarePlan) -> list[int]:
    """Values in the canonical result of each stage, in the network's order."""
    arch = plan.architecture
    return [_result_values(arch, op) for op in network_operations(arch)]


def _offsets(plan: HardwarePlan) -> dict[str, tuple[int, int]]:
    """(first, number) of each stage's values among those of an image."""
    names, counts = [op.name for op in network_operations(plan.architecture)], stage_values(plan)
    firsts = [0, *accumulate(counts)]
    return {name: (first, n) for name, first, n in zip(names, firsts, counts, strict=False)}


def _result_values(arch: Architecture, op: Operation) -> int:
    if op.dst is Tensor.RESIDUAL:
        return arch.num_tokens * arch.embed_dim
    if isinstance(op, Softmax):
        return op.queries * (op.keys + 2)
    return op.tokens * (op.rows if isinstance(op, Gemm) else op.channels)


def pixels(arch: Architecture) -> int:
    """Values of one image."""
    return arch.num_patches * arch.patch_dim


def project_header(plans: Sequence[HardwarePlan], weights: Sequence[Mapping[str, bytes]]) -> str:
    """What the test bench knows of the networks: names, shapes, the `weights` of each (a file a
    port) by their checksums, and how the kernel is called."""
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n#include <cstdint>\n")
    out.line('#include "qnas_top.hpp"\n#include "shapes.hpp"\n\nnamespace project {\n')
    _memory_checks(out, plans[0])
    out.line(f"constexpr int PIXELS = {pixels(plans[0].architecture)};\n")
    _networks(out, plans)
    sizes = "[plan::NETWORKS][plan::WEIGHT_PORTS]"
    with out.block(f"const char* const WEIGHTS{sizes} =", end="};"):
        for files in weights:
            out.line(f"{{{', '.join(json.dumps(path) for path in files)}}},")
    with out.block(f"const uint32_t WEIGHTS_CRC32{sizes} =", end="};"):
        for files in weights:
            out.line(f"{{{', '.join(f'0x{zlib.crc32(c):08X}' for c in files.values())}}},")
    _stages(out, plans)
    _call(out, plans)
    out.line("\n}  // namespace project")
    return out.text()


def _networks(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    out.line("// Of each network: its stages in the stage table, and all values of an image.")
    with out.block("struct Network", end="};"):
        out.line("int first_stage, stages, values;")
    with out.block("const Network NETWORKS[plan::NETWORKS] =", end="};"):
        for plan, first in zip(plans, first_stages(plans), strict=True):
            out.line(f"{{{first}, {len(plan.stages)}, {sum(stage_values(plan))}}},")


def _stages(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    stages = [stage for plan in plans for stage in plan.stages]
    values = [value for plan in plans for value in _values(plan)]
    out.line(
        "\n// Name of each stage, where its result begins among an image's values, and its size."
    )
    with out.block("const char* const NAMES[plan::STAGES] =", end="};"):
        for stage in stages:
            out.line(f"{json.dumps(stage.name)},")
    for name, column in zip(("FIRST", "VALUES"), zip(*values, strict=True), strict=True):
        with out.block(f"const int {name}[plan::STAGES] =", end="};"):
            for value in column:
                out.line(f"{value},")
    out.line()


def _values(plan: HardwarePlan) -> list[tuple[int, int]]:
    offsets = _offsets(plan)
    return [offsets.get(stage.name, (0, 0)) for stage in plan.stages]


def _call(out: Writer, plans: Sequence[HardwarePlan]) -> None:
    """The kernel with its weight ports in an array: the same call of every project."""
    head = "const qnas::port_word_t* const* weights, const qnas::port_word_t* image"
    weights = "".join(f"weights[{index}], " for index in range(len(plans[0].weight_ports)))
    several = len(plans) > 1
    last = f"ap_int<32>* logits, int images, {'int network' if several else 'int'}"
    with out.block(f"inline void kernel({head},\n                   {last})"):
        out.line(f"qnas_top({weights}image, logits, images{', network' if several else ''});")


def _memory_checks(out: Writer, plan: HardwarePlan) -> None:
    """Each array of the C++ is the buffer that was priced: checked by the compiler."""
    out.line("// Memories, in banks, rows and bits: those of the plan.")
    for buffer in plan.buffers:
        kind = TYPES.get(buffer.name)
        if kind:
            word = plan.act_word if buffer.name == "act" else 1  # elements that are reshaped
            shape = f"{buffer.banks * word}, {buffer.depth}, {buffer.bits // word}"
            out.line(f'static_assert(tb::has_shape<qnas::{kind}>({shape}), "{buffer.name}");')
    out.line()


@dataclass(frozen=True, slots=True)
class Input:
    """Images as network number `index` of a kernel takes them: (B, patches, patch_dim) integers."""

    index: int
    network: IntegerNetwork
    patches: Ints


def vectors_header(inputs: Sequence[Input], labels: Ints) -> tuple[bytes, int]:
    """Start of a vectors file, and the number of values that follow for each image, in all."""
    counts = [
        sum(_result_values(one.network.architecture, op) for op in one.network.operations)
        for one in inputs
    ]
    size = pixels(inputs[0].network.architecture)
    facts = [(one.index, count) for one, count in zip(inputs, counts, strict=True)]
    numbers = np.array([len(labels), size, len(inputs), *chain(*facts)], dtype="<i4")
    return MAGIC + numbers.tobytes() + labels.astype("<i4").tobytes(), sum(counts)


def vectors(inputs: Sequence[Input], images: slice) -> Iterator[bytes]:
    """One record an image and a network: its pixels (int8), then the results of all stages
    (int32)."""
    records = (_records(one.network, one.patches[images]) for one in inputs)
    for image in zip(*records, strict=True):
        yield from image


def _records(network: IntegerNetwork, patches: Ints) -> Iterator[bytes]:
    batch = len(patches)
    flat = patches.reshape(batch, -1).astype(np.int8)
    parts = [tensor.reshape(batch, -1).astype("<i4") for _, tensor in network.trace(patches)]
    for image in range(batch):
        yield flat[image].tobytes() + b"".join(part[image].tobytes() for part in parts)


def vectors_file(inputs: Sequence[Input], labels: Ints) -> bytes:
    """The whole file at once: for the few images that travel with a project."""
    header, _ = vectors_header(inputs, labels)
    return header + b"".join(vectors(inputs, slice(None)))
