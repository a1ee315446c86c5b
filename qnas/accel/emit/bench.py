"""tb/project.hpp, and the vectors that the test bench compares with."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qnas.accel.emit.constants import GENERATED
from qnas.accel.emit.writer import Writer
from qnas.accel.plan import HardwarePlan, Stage
from qnas.architecture import Architecture
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints

MAGIC = b"QNASVEC1"


def stage_values(plan: HardwarePlan) -> list[int]:
    """Values in the canonical result of each stage."""
    return [_values(plan.architecture, stage) for stage in plan.stages]


def _values(arch: Architecture, stage: Stage) -> int:
    if stage.dst == "residual":
        return arch.num_tokens * arch.embed_dim
    if stage.kind == "softmax":
        return stage.tokens * (stage.inner + 2)
    return stage.tokens * stage.rows


def pixels(arch: Architecture) -> int:
    """Values of one image."""
    return arch.num_patches * arch.patch_dim


def project_header(plan: HardwarePlan, weights: bytes) -> str:
    """What the test bench knows of the network: names, shapes, the checksum of its weights."""
    counts = stage_values(plan)
    out = Writer()
    out.line(f"{GENERATED}\n#pragma once\n#include <cstdint>\n\n#include \"plan.hpp\"\n")
    out.line("namespace project {\n")
    out.line(f"constexpr uint32_t WEIGHTS_CRC32 = 0x{zlib.crc32(weights):08X};")
    out.line(f"constexpr int PIXELS = {pixels(plan.architecture)};")
    out.line(f"constexpr int ALL_VALUES = {sum(counts)};")
    out.line("\n// Name of each stage, and values in its result.")
    with out.block("const char* const NAMES[plan::STAGES] =", end="};"):
        for stage in plan.stages:
            out.line(f"{json.dumps(stage.name)},")
    with out.block("const int VALUES[plan::STAGES] =", end="};"):
        for count in counts:
            out.line(f"{count},")
    out.line("\n}  // namespace project")
    return out.text()


def vectors(network: IntegerNetwork, patches: Ints, labels: Ints) -> Iterator[bytes]:
    """The vectors file, in parts: header, then one record an image (pixels, then all results)."""
    batch = len(patches)
    flat = patches.reshape(batch, -1).astype(np.int8)
    expected = _expected(network, patches)
    header = np.array([batch, flat.shape[1], expected.shape[1]], dtype="<i4")
    yield MAGIC + header.tobytes() + labels.astype("<i4").tobytes()
    for image in range(batch):
        yield flat[image].tobytes() + expected[image].tobytes()


def _expected(network: IntegerNetwork, patches: Ints) -> NDArray[np.int32]:
    """(B, values): the results of all stages, one after the other."""
    parts = [tensor.reshape(len(patches), -1).astype("<i4") for _, tensor in network.trace(patches)]
    return np.concatenate(parts, axis=1)


def vectors_file(network: IntegerNetwork, patches: Ints, labels: Ints) -> bytes:
    """The whole file at once: for the few images that travel with a project."""
    buffer = io.BytesIO()
    for part in vectors(network, patches, labels):
        buffer.write(part)
    return buffer.getvalue()
