"""A project's C++ with the tables of a small network under the same folding."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from math import isqrt

from qnas.accel.device import Device
from qnas.accel.hls.emit.constants import plan_header
from qnas.accel.hls.emit.stages import stages_header
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture, BlockSpec, W8Shares

CONSTANT = re.compile(r"constexpr int (\w+) = (\d+);")
# Constants that a small network of the same folding keeps: formats, and depths of memories.
KEPT = re.compile(r"\w+_ROWS|\w+_DEPTH|ACC_BITS|SCORE_BITS|MAX_HEADS|MAX_BEATS")
FEW = 9  # channels of a small network: more than one vector or word of most foldings


def small_sources(files: Mapping[str, bytes], plan: HardwarePlan, device: Device) -> dict[str, str]:
    """The project's sources, with the tables and shapes of a small network of the same folding."""
    sources = {
        path: content.decode() for path, content in sorted(files.items()) if path.startswith("src/")
    }
    arch = few_of(plan.architecture, tk=plan.folding.tk, tt=plan.folding.tt)
    small = lower(arch, device, plan.folding)
    real = dict(CONSTANT.findall(sources["src/plan.hpp"]))

    def constant(found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        kept = KEPT.fullmatch(name) and int(real.get(name, 0)) > int(value)
        return f"constexpr int {name} = {real[name] if kept else value};"

    sources["src/plan.hpp"] = CONSTANT.sub(constant, plan_header([small]))
    sources["src/stages.hpp"] = stages_header([small])
    return sources


def few_of(arch: Architecture, *, tk: int, tt: int) -> Architecture:
    """Two token tiles, two beats in the stem, two heads, all kinds of rows, 8-bit and 4-bit."""
    patch = 2
    side = isqrt(tt) + 1
    heads = min(2, max(block.num_heads for block in arch.blocks))
    block = BlockSpec(num_heads=heads, mlp_hidden=FEW, w8=W8Shares(4, 4, 4, 4))
    return replace(
        arch,
        image_size=patch * side,
        patch_size=patch,
        in_channels=tk // patch**2 + 1,
        head_dim=min(arch.head_dim, FEW),
        num_classes=FEW,
        embed_dim=FEW,
        blocks=(block,),
    )
