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
    """One image, batch 1, at the plan's (assumed) clock. `loop_cycles` are exact iteration counts
    of the plan's pipelined loops; `fill_cycles` the assumed pipeline fills on top."""

    loop_cycles: int
    fill_cycles: int
    clock_mhz: float
    resources: Resources
    dram_bits: int

    @property
    def cycles(self) -> int:
        """Cycles of one image."""
        return self.loop_cycles + self.fill_cycles

    @property
    def latency_ms(self) -> float:
        """Milliseconds of one image."""
        return units.cycles_to_ms(self.cycles, clock_mhz=self.clock_mhz)

    @property
    def fps(self) -> float:
        """Images a second, one after the other."""
        return units.fps(self.cycles, clock_mhz=self.clock_mhz)
