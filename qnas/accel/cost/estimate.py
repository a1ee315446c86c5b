"""Estimate: modelled figures of a plan. Never mixed with measured ones."""

from __future__ import annotations

from dataclasses import dataclass

from qnas._util import units
from qnas._util.serialization import Value

RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")


@dataclass(frozen=True, slots=True)
class Resources(Value):
    """Device resources. They add."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(getattr(self, r) + getattr(other, r) for r in RESOURCES))


@dataclass(frozen=True, slots=True)
class Estimate(Value):
    """One image of a stream, at the plan's (assumed) clock. `loop_cycles` are exact iteration
    counts of the plan's pipelined loops; `fill_cycles` the assumed pipeline fills on top. The first
    image of a call takes `start_cycles` more, in which its first words come: those of the images
    behind it wait in their FIFOs by then."""

    loop_cycles: int
    fill_cycles: int
    clock_mhz: float
    resources: Resources
    dram_bits: int
    start_cycles: int = 0

    @property
    def cycles(self) -> int:
        """Cycles of each image behind the first one of a call."""
        return self.loop_cycles + self.fill_cycles

    @property
    def cycles_first(self) -> int:
        """Cycles from the start of a call to the logits of its first image."""
        return self.start_cycles + self.cycles

    @property
    def latency_ms(self) -> float:
        """Milliseconds of a call with one image, from its start to the logits."""
        return units.cycles_to_ms(self.cycles_first, clock_mhz=self.clock_mhz)

    @property
    def fps(self) -> float:
        """Images a second of a stream of them."""
        return units.fps(self.cycles, clock_mhz=self.clock_mhz)
