"""Measurement: figures of a design that a tool reported, as opposed to a model's estimates.

Numbers are copied from reports and never filled in: a figure that a report does not contain is
None, so that no guess is taken for a measurement. Estimates and measurements are never mixed. Tools
write a part number in several ways: `xc7z020clg400-1`, `7z020-clg400` and `XC7Z020-CLG400-1` name
the same part.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qnas._util.serialization import Value

LISTED = (
    *("source", "tool", "version", "part", "top", "clock_target_ns", "clock_estimated_ns"),
    *("latency_cycles_max", "interval_max", "lut", "ff", "dsp", "bram18", "uram"),
)
# Step of the flow: scheduled by HLS, simulated as RTL, mapped, or placed and routed.
FlowStage = Literal["hls", "cosim", "synthesized", "implemented"]


@dataclass(frozen=True, slots=True)
class Amounts(Value):
    """Resources as reports count them; `bram18` in halves of a 36 Kb block. None: not reported."""

    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None


@dataclass(frozen=True, slots=True)
class Measurement(Value):
    """One design in one report. None: not reported.

    Attributes:
        source: The file.
        tool: Name of the tool.
        version: Version of the tool.
        stage: Step of the flow.
        part: The device's part number.
        top: Name of the top function or module.
        clock_target_ns: Period that was asked for.
        clock_estimated_ns: Period that the design reaches: estimated by HLS, or target minus worst
            slack after synthesis and routing.
        latency_cycles_max: Largest latency; None if the report calls it undefined.
        interval_max: Largest interval in cycles; None if the report calls it undefined.
        lut: LUTs.
        ff: Flip-flops.
        dsp: DSP blocks.
        bram18: Halves of 36 Kb block RAMs.
        uram: UltraRAM blocks.
        available: Resources of the part.
        instances: Paths of a module's instances.
        modules: Functions below the top, each once, regardless of the number of instances.
        remarks: Reasons for fields that are None although such reports contain them.
    """

    source: str
    tool: str
    version: str | None
    stage: FlowStage
    part: str | None = None
    top: str | None = None
    clock_target_ns: float | None = None
    clock_estimated_ns: float | None = None
    latency_cycles_max: int | None = None
    interval_max: int | None = None
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None
    available: Amounts = Amounts()
    instances: tuple[str, ...] = ()
    modules: tuple[Measurement, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def amounts(self) -> Amounts:
        """The resources alone."""
        return Amounts(self.lut, self.ff, self.dsp, self.bram18, self.uram)

    def listed(self) -> dict[str, Any]:
        """Fields for `qnas measurements --json`: those in LISTED, also of each module."""
        own = {name: getattr(self, name) for name in LISTED}
        return {**own, "modules": [module.listed() for module in self.modules]}

    def completed(self, other: Measurement) -> Measurement:
        """Fill the fields that are None with those of `other`; `source` then names both.

        A utilization report and the timing summary of the same design make one measurement this
        way.
        """
        empty: tuple[object, ...] = (None, (), Amounts())
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if getattr(self, field.name) in empty
        }
        return replace(self, **missing, source=f"{self.source} + {other.source}")


def plain_part(part: str) -> str:
    """Remove the variations of tools from a part number: `xc`, dashes, capitals."""
    return part.strip().lower().replace("-", "").removeprefix("xc")


def same_part(one: str, other: str) -> bool:
    """Whether two part numbers are equal, or one is a longer form of the other."""
    a, b = plain_part(one), plain_part(other)
    return a.startswith(b) or b.startswith(a)
