"""tb/project.hpp, and the vectors that the test bench compares with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import accumulate

import numpy as np

from qnas.accel.emit.constants import GENERATED
from qnas.accel.emit.top import MEMORIES
from qnas.accel.emit.writer import Writer
from qnas.accel.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints
from qnas.operations import Gemm, Operation, Softmax, Tensor, network_operations

MAGIC = b"QNASVEC1"
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


def project_header(plan: HardwarePlan, weights: Mapping[str, bytes]) -> str:
    """What the test bench knows of the network: names, shapes, its `weights` (a file a port) by
    their checksums, and how the kernel is called."""
    offsets = _offsets(plan)
    values = [offsets.get(stage.name, (0, 0)) for stage in plan.stages]
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n#include <cstdint>\n")
    out.line('#include "qnas_top.hpp"\n#include "shapes.hpp"\n\nnamespace project {\n')
    _memory_checks(out, plan)
    with out.block("const char* const WEIGHTS[plan::WEIGHT_PORTS] =", end="};"):
        for path in weights:
            out.line(f"{json.dumps(path)},")
    with out.block("const uint32_t WEIGHTS_CRC32[plan::WEIGHT_PORTS] =", end="};"):
        for content in weights.values():
            out.line(f"0x{zlib.crc32(content):08X},")
    out.line(f"constexpr int PIXELS = {pixels(plan.architecture)};")
    out.line(f"constexpr int ALL_VALUES = {sum(stage_values(plan))};")
    out.line(
        "\n// Name of each stage, where its result begins among an image's values, and its size."
    )
    with out.block("const char* const NAMES[plan::STAGES] =", end="};"):
        for stage in plan.stages:
            out.line(f"{json.dumps(stage.name)},")
    for name, column in zip(("FIRST", "VALUES"), zip(*values, strict=True), strict=True):
        with out.block(f"const int {name}[plan::STAGES] =", end="};"):
            for value in column:
                out.line(f"{value},")
    out.line()
    _call(out, plan)
    out.line("\n}  // namespace project")
    return out.text()


def _call(out: Writer, plan: HardwarePlan) -> None:
    """The kernel with its weight ports in an array: the same call of every project."""
    head = "const qnas::port_word_t* const* weights, const qnas::port_word_t* image"
    weights = "".join(f"weights[{index}], " for index in range(len(plan.weight_ports)))
    with out.block(f"inline void kernel({head},\n                   ap_int<32>* logits)"):
        out.line(f"qnas_top({weights}image, logits);")


def _memory_checks(out: Writer, plan: HardwarePlan) -> None:
    """Each array of the C++ is the buffer that was priced: checked by the compiler."""
    out.line("// Memories, in banks, rows and bits: those of the plan.")
    for buffer in plan.buffers:
        kind = TYPES.get(buffer.name)
        if kind:
            shape = f"{buffer.banks}, {buffer.depth}, {buffer.bits}"
            out.line(f'static_assert(tb::has_shape<qnas::{kind}>({shape}), "{buffer.name}");')
    out.line()


def vectors_header(network: IntegerNetwork, labels: Ints) -> tuple[bytes, int]:
    """Start of a vectors file, and the number of values that follow for each image."""
    arch = network.architecture
    values = sum(_result_values(arch, op) for op in network.operations)
    numbers = np.array([len(labels), pixels(arch), values], dtype="<i4")
    return MAGIC + numbers.tobytes() + labels.astype("<i4").tobytes(), values


def vectors(network: IntegerNetwork, patches: Ints) -> Iterator[bytes]:
    """One record an image: its pixels (int8), then the results of all stages (int32)."""
    batch = len(patches)
    flat = patches.reshape(batch, -1).astype(np.int8)
    parts = [tensor.reshape(batch, -1).astype("<i4") for _, tensor in network.trace(patches)]
    for image in range(batch):
        yield flat[image].tobytes() + b"".join(part[image].tobytes() for part in parts)


def vectors_file(network: IntegerNetwork, patches: Ints, labels: Ints) -> bytes:
    """The whole file at once: for the few images that travel with a project."""
    header, _ = vectors_header(network, labels)
    return header + b"".join(vectors(network, patches))
