"""Which kind of memory holds a buffer: the rule of depth, and what may be chosen instead."""

from __future__ import annotations

from collections.abc import Mapping

from qnas.accel.device import Device
from qnas.accel.plan.memory import LUTRAM_DEPTH, Array
from qnas.accel.plan.plan import HardwarePlan, Storage
from qnas.errors import ConfigError, nearest, problem

# Buffers that a plan may place against the rule: the large ones. Tables are written or read by
# parts of the library that fix their kind, and the others are too small to matter.
PLACED = ("act", "key", "prob", "score", "residual", "weight")
MEMORIES: tuple[Storage, ...] = ("lutram", "bram", "uram")

Placement = Mapping[str, Storage]  # of some of `PLACED`; the rule of depth decides the others


def storage_of(array: Array, placement: Placement) -> Storage:
    """Where an array of a plan lies."""
    if array.registers:
        return "registers"
    by_depth: Storage = "lutram" if array.depth <= LUTRAM_DEPTH else "bram"
    return placement.get(array.name, by_depth)


def check_placement(placement: Placement, device: Device) -> None:
    """ConfigError for a buffer that cannot be placed, a kind that is none, or UltraRAM on a device
    that has none."""
    kinds = MEMORIES if device.uram else MEMORIES[:2]
    for name, kind in placement.items():
        if name not in PLACED:
            rule = "must be a buffer that can be placed"
            raise ConfigError(problem("placement", rule, repr(name), nearest(name, PLACED)))
        if kind not in kinds:
            rule = f"must be {', '.join(kinds[:-1])} or {kinds[-1]} on {device.name}"
            raise ConfigError(problem(f"storage of {name}", rule, repr(kind), "Choose one."))


def placement_of(plan: HardwarePlan) -> Placement:
    """Where the buffers of `PLACED` lie."""
    return {buffer.name: buffer.storage for buffer in plan.buffers if buffer.name in PLACED}
