"""AXI master ports of the accelerator, and what crosses them for one image."""

from __future__ import annotations

from typing import Any

from qnas.accel.folding import Folding
from qnas.accel.loops import LOGIT_BITS, patch_lanes
from qnas.accel.plan import Port
from qnas.architecture import Architecture
from qnas.units import ceil_div


def plan_ports(
    arch: Architecture, folding: Folding, *, weight_words: Any, port_bits: int
) -> tuple[Port, ...]:
    """`weight_words`: words of the weight stream. Fields may be arrays in the folding search."""
    groups = ceil_div(arch.patch_dim, patch_lanes(folding, port_bits))
    return (
        Port("weights", port_bits, weight_words, "read"),
        Port("image", port_bits, arch.num_patches * groups, "read"),
        Port("logits", LOGIT_BITS, arch.num_classes, "write"),
    )
