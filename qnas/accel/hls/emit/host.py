"""What the host programs go by: facts of the kernel, and what was done to the images."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence

from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.writer import Writer
from qnas.accel.plan.loops import patch_lanes
from qnas.accel.plan.plan import HardwarePlan
from qnas.data.preprocessing import Preprocessing
from qnas.errors import ConfigError, problem

Weights = Sequence[Mapping[str, bytes]]
LEVELS_A_LINE = 16


def preprocessing_of(
    members: Sequence[KernelNetwork], given: Preprocessing | None
) -> Preprocessing:
    """`given`, or numbers for the names of classes and no files.

    Raises ConfigError unless it names as many classes as the networks have.
    """
    classes = members[0].plan.architecture.num_classes
    known = given or Preprocessing.unknown(classes)
    if len(known.class_names) != classes:
        rule, value = f"must be one a class ({classes})", len(known.class_names)
        raise ConfigError(problem("class_names", rule, value, "Name every class."))
    return known


def host_files(
    members: Sequence[KernelNetwork],
    preprocessing: Preprocessing,
    *,
    name: str,
    weights: Weights,
) -> dict[str, str]:
    """The facts of host/: for Python design.json and preprocessing.json, for C++ design.hpp.

    `weights` holds the files of each network.
    """
    arch = members[0].plan.architecture
    facts = preprocessing.facts(size=arch.image_size, channels=arch.in_channels)
    return {
        "host/design.json": design_json(members, name=name, weights=weights),
        "host/design.hpp": design_header(members, preprocessing, weights=weights),
        "host/preprocessing.json": json.dumps(facts, indent=2, allow_nan=False) + "\n",
    }


def design_json(
    members: Sequence[KernelNetwork], *, name: str, weights: Sequence[Mapping[str, bytes]]
) -> str:
    """host/design.json: what the host must know of images, weights (a file a port) and answers.
    What differs from network to network is in `networks`, in the order of their indices."""
    plan = members[0].plan
    arch, image = plan.architecture, plan.image_port
    facts = {
        "name": name,
        "image_shape": [arch.in_channels, arch.image_size, arch.image_size],
        "patch_size": arch.patch_size,
        "classes": arch.num_classes,
        "activation_max": members[0].network.act_max,
        "port_bits": image.bits,
        "pixels_per_word": int(patch_lanes(plan.folding, image.bits)),
        "image_words": plan.image_words,
        "pass_images": plan.folding.batch,
        "networks": [
            {
                "label": member.label,
                "architecture": member.plan.architecture.key,
                "input_step": member.network.input_step,
                "logit_step": member.network.logit_step,
                "weight_words": member.plan.stream_words,
                "weights": _weight_facts(member.plan, files),
            }
            for member, files in zip(members, weights, strict=True)
        ],
    }
    return json.dumps(facts, indent=2, allow_nan=False) + "\n"


def _weight_facts(plan: HardwarePlan, files: Mapping[str, bytes]) -> list[dict[str, str]]:
    return [
        {"port": port.name, "file": path, "sha256": hashlib.sha256(content).hexdigest()}
        for port, (path, content) in zip(plan.weight_ports, files.items(), strict=True)
    ]


def design_header(
    members: Sequence[KernelNetwork], preprocessing: Preprocessing, *, weights: Weights
) -> str:
    """host/design.hpp: both JSON files as constants, with the network's input for every byte."""
    out = Writer()
    out.line("// What the host must know of images, weights and answers; design.json has the same.")
    out.line("#pragma once\n#include <cstdint>\n\nnamespace design {\n")
    for name, value in _sizes(members, preprocessing).items():
        out.line(f"constexpr int {name} = {value};")
    pixels = preprocessing.pixels
    out.line(f"constexpr bool READS_FILES = {_truth(pixels is not None)};")
    bicubic = pixels is not None and pixels.interpolation == "bicubic"
    out.line(f"constexpr bool BICUBIC = {_truth(bicubic)};")
    out.line(f"constexpr double WHITE = {(pixels.white if pixels else 0.0)!r};")
    with out.block("\nconst char* const CLASS_NAMES[CLASSES] =", end="};"):
        for text in preprocessing.class_names:
            out.line(f"{_literal(text)},")
    out.line("\nstruct File {\n    const char* path;\n    long bytes;\n    uint32_t crc32;\n};")
    out.line("struct Network {\n    const char* label;\n    double logit_step;  // 0: not known")
    out.line("    File weights[WEIGHT_PORTS];\n};")
    with out.block("const Network NETWORK[NETWORKS] =", end="};"):
        for member, files in zip(members, weights, strict=True):
            step = member.network.logit_step or 0.0
            with out.block(f"{{{_literal(member.label)}, {step!r},", end="}},"):
                for path, content in files.items():
                    out.line(f'{{"{path}", {len(content)}, {zlib.crc32(content):#010x}u}},')
    out.line("\n// The network's input for a byte of each channel.")
    _levels(out, members, preprocessing)
    out.line("\n}  // namespace design")
    return out.text()


def _sizes(members: Sequence[KernelNetwork], preprocessing: Preprocessing) -> dict[str, int]:
    plan = members[0].plan
    arch, image, pixels = plan.architecture, plan.image_port, preprocessing.pixels
    return {
        "SIZE": arch.image_size,
        "CHANNELS": arch.in_channels,
        "PATCH": arch.patch_size,
        "CLASSES": arch.num_classes,
        "NETWORKS": len(members),
        "WEIGHT_PORTS": len(plan.weight_ports),
        "WORD_BYTES": image.bits // 8,
        "PIXELS_PER_WORD": int(patch_lanes(plan.folding, image.bits)),
        "IMAGE_BYTES": plan.image_words * image.bits // 8,
        "PASS_IMAGES": plan.folding.batch,
        "SHORTER_SIDE": pixels.shorter_side(arch.image_size) if pixels else 0,
        "BACKGROUND": pixels.background if pixels else 0,
    }


def _levels(out: Writer, members: Sequence[KernelNetwork], preprocessing: Preprocessing) -> None:
    channels = members[0].plan.architecture.in_channels
    with out.block("const int8_t LEVELS[NETWORKS][CHANNELS][256] =", end="};"):
        for member in members:
            network = member.network
            table = preprocessing.levels(
                input_step=network.input_step, channels=channels, act_max=network.act_max
            )
            with out.block("", end="},"):
                for row in [] if table is None else table.tolist():
                    with out.block("", end="},"):
                        for first in range(0, len(row), LEVELS_A_LINE):
                            out.line(f"{', '.join(map(str, row[first : first + LEVELS_A_LINE]))},")


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _literal(text: str) -> str:
    """A C++ string of UTF-8: all but plain ASCII in octal."""
    plain = (
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode()
    )
    return f'"{"".join(plain)}"'
