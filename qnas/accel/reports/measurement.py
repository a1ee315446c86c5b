"""Measurement: what a tool reported of a design, as opposed to what a cost model says of a plan.

Numbers are copied from reports, never filled in: what a report does not say is None, so that
nobody takes a guess for a measurement. Estimates and measurements are never mixed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from qnas._util.serialization import Value

LISTED = (
    *("source", "tool", "version", "part", "top", "clock_target_ns", "clock_estimated_ns"),
    *("latency_cycles_max", "interval_max", "lut", "ff", "dsp", "bram18", "uram"),
)
# How far the design had come: scheduled by HLS, simulated as RTL, mapped, or placed and routed.
FlowStage = Literal["hls", "cosim", "synthesized", "implemented"]


@dataclass(frozen=True, slots=True)
class Amounts(Value):
    """Resources as reports count them; `bram18` in halves of a 36 Kb block. None: not said."""

    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None


@dataclass(frozen=True, slots=True)
class Measurement(Value):
    """One design in one report.

    `source` is the file. `clock_estimated_ns` is the period that the tool says the design reaches:
    estimated by HLS, or target minus worst slack after synthesis and routing. Latency and interval
    are the largest that the report names, in cycles; None where it calls them undefined.
    `available` is what the part has. `remarks` say why something is null that a report would tell.
    `modules` are the functions below the top, once each, however
    often they are instantiated; `instances` of a module are the paths of its instances.
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
        """What `qnas measurements --json` prints: LISTED of this and, under `modules`, of those
        below it."""
        own = {name: getattr(self, name) for name in LISTED}
        return {**own, "modules": [module.listed() for module in self.modules]}

    def completed(self, other: Measurement) -> Measurement:
        """This one, and where it says nothing what `other` says: a utilization report and the
        timing summary of the same design make one measurement. `source` names both."""
        empty: tuple[object, ...] = (None, (), Amounts())
        missing = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if getattr(self, field.name) in empty
        }
        return replace(self, **missing, source=f"{self.source} + {other.source}")
