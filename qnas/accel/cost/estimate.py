"""Estimate: modelled figures of a plan. They are never mixed with measured figures."""

from __future__ import annotations

from dataclasses import dataclass

from qnas._util import units
from qnas._util.serialization import Value

RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")


@dataclass(frozen=True, slots=True)
class Resources(Value):
    """Amounts of a device's resources. Resources can be added."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(getattr(self, r) + getattr(other, r) for r in RESOURCES))


@dataclass(frozen=True, slots=True)
class Estimate(Value):
    """Modelled figures of one pass in a stream of images, at the plan's (assumed) clock.

    A pass takes `batch` images through the kernel together, by default one.

    Attributes:
        loop_cycles: Exact iterations of the plan's pipelined loops.
        fill_cycles: Assumed pipeline fills, in addition.
        clock_mhz: The plan's clock.
        resources: Resources of the kernel.
        dram_bits: Bits of one pass to and from DRAM.
        start_cycles: Additional cycles of the first pass of a call: until its first words have
            arrived, and until memory has acknowledged its logits. The words of later passes are
            read ahead into FIFOs.
        batch: Images of a pass.
    """

    loop_cycles: int
    fill_cycles: int
    clock_mhz: float
    resources: Resources
    dram_bits: int
    start_cycles: int = 0
    batch: int = 1

    @property
    def cycles(self) -> int:
        """Cycles of each pass of a call but the first."""
        return self.loop_cycles + self.fill_cycles

    @property
    def cycles_first(self) -> int:
        """Cycles from the start of a call until the logits of its first pass are in memory."""
        return self.start_cycles + self.cycles

    @property
    def latency_ms(self) -> float:
        """Milliseconds of a call with one pass, from its start to the logits."""
        return units.cycles_to_ms(self.cycles_first, clock_mhz=self.clock_mhz)

    @property
    def fps(self) -> float:
        """Images per second in a stream of images."""
        return units.fps(self.cycles, clock_mhz=self.clock_mhz, batch=self.batch)
