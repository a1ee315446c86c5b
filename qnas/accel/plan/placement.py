"""Buffer placement: which kind of memory holds a buffer, by the rule of depth or by choice."""

from __future__ import annotations

from collections.abc import Mapping

from qnas.accel.device import Device
from qnas.accel.plan.memory import LUTRAM_DEPTH, Array
from qnas.accel.plan.plan import HardwarePlan, Storage
from qnas.errors import ConfigError, nearest, problem

# Large buffers, which a plan may place against the rule of depth. Tables are accessed by
# parts of the library that fix their kind, and the others are too small to matter.
PLACED = ("act", "key", "prob", "score", "residual", "weight")
MEMORIES: tuple[Storage, ...] = ("lutram", "bram", "uram")

Placement = Mapping[str, Storage]  # for names in `PLACED`; the rule of depth decides the others


def storage_of(array: Array, placement: Placement) -> Storage:
    """Return the kind of memory that holds an array."""
    if array.registers:
        return "registers"
    by_depth: Storage = "lutram" if array.depth <= LUTRAM_DEPTH else "bram"
    return placement.get(array.name, by_depth)


def check_placement(placement: Placement, device: Device) -> None:
    """Check the names and kinds of memory of a placement.

    Raises:
        ConfigError: A buffer cannot be placed, a kind of memory is unknown, or UltraRAM is asked
            for on a device without any.
    """
    kinds = MEMORIES if device.uram else MEMORIES[:2]
    for name, kind in placement.items():
        if name not in PLACED:
            rule = "must be a buffer that can be placed"
            raise ConfigError(problem("placement", rule, repr(name), nearest(name, PLACED)))
        if kind not in kinds:
            rule = f"must be {', '.join(kinds[:-1])} or {kinds[-1]} on {device.name}"
            raise ConfigError(problem(f"storage of {name}", rule, repr(kind), "Choose one."))


def placement_of(plan: HardwarePlan) -> Placement:
    """Return the kinds of memory of a plan's buffers named in `PLACED`."""
    return {buffer.name: buffer.storage for buffer in plan.buffers if buffer.name in PLACED}
