"""Exported projects beside the reports of a tool: what plans were estimated at, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from qnas.accel.device import load_device
from qnas.accel.measurement import Measurement
from qnas.accel.plan import HardwarePlan
from qnas.accel.reports import read_reports
from qnas.errors import ConfigError, problem
from qnas.objectives.calibration.pairs import MIN_PAIRS, TWINS, Floats
from qnas.objectives.cost.analytic import estimate
from qnas.objectives.cost.estimate import RESOURCES, Resources
from qnas.serial import Value, read_json

STAGES = ("hls", "synthesized", "implemented")  # of the furthest one a design's numbers are taken
CLOCK_TOLERANCE_NS = 0.006  # reports round to hundredths


@dataclass(frozen=True, slots=True)
class Setup(Value):
    """What measurements must share to teach one another."""

    tool: str
    stage: str
    part: str
    clock_target_ns: float


@dataclass(frozen=True, slots=True)
class MeasuredDesign(Value):
    """A plan by its digest; the estimate, and what `source` reports (every resource is told)."""

    plan: str
    source: str
    estimated: Resources
    measured: Resources


@dataclass(frozen=True, slots=True)
class MeasuredDesigns(Value):
    """At least MIN_PAIRS designs of one setup, ordered by plan, each plan once."""

    setup: Setup
    designs: tuple[MeasuredDesign, ...]

    def __post_init__(self) -> None:
        if len(self.designs) < MIN_PAIRS:
            rule, remedy = f"must be of {MIN_PAIRS} plans at least", "Synthesize more plans."
            raise ConfigError(problem("reports", rule, len(self.designs), remedy))

    def log_residuals(self) -> Floats:
        """(designs, RESOURCES): log of (1 + measured) / (1 + estimated)."""
        measured, estimated = (
            np.array([[getattr(x, r) for r in RESOURCES] for x in amounts], float)
            for amounts in zip(*((d.measured, d.estimated) for d in self.designs), strict=True)
        )
        residuals: Floats = np.log1p(measured) - np.log1p(estimated)
        return residuals


def read_designs(directory: Path) -> MeasuredDesigns:
    """The projects (folders with a plan.json) in and below `directory`, with reports in or below
    them. ConfigError for fewer than MIN_PAIRS plans, for different tools, parts, clocks or stages,
    for a part or clock that is not the plan's, and for reports of one plan that contradict each
    other; ReportError for a damaged or missing report."""
    found = [_read_project(path.parent) for path in sorted(directory.rglob("plan.json"))]
    if not found:
        rule = "must hold exported projects, each with its plan.json and reports"
        raise ConfigError(problem(str(directory), rule, "none", "Check the path."))
    first, where = found[0][0], found[0][1].source
    for setup, design in found:
        if setup != first:
            rule = f"must be of the same tool, stage, part and clock as {where} ({first})"
            remedy = "Calibrate each on its own."
            raise ConfigError(problem(design.source, rule, setup, remedy))
    return MeasuredDesigns(first, _without_twins([design for _, design in found]))


def _read_project(folder: Path) -> tuple[Setup, MeasuredDesign]:
    plan = HardwarePlan.from_json(read_json(folder / "plan.json"))
    reports = [m for m in read_reports([folder]) if m.stage in STAGES]
    if not reports:
        rule = "must hold a report of synthesis or implementation"
        raise ConfigError(problem(str(folder), rule, "none", "Run the tool on the project."))
    report = max(reports, key=lambda m: STAGES.index(m.stage))
    amounts = {name: getattr(report, name) for name in RESOURCES}
    amounts["uram"] = amounts["uram"] or 0  # parts without any do not mention it
    told = {**amounts, "part": report.part, "clock_target_ns": report.clock_target_ns}
    silent = [name for name, value in told.items() if value is None]
    if silent:
        remedy = "Give the csynth.xml or export_impl.xml."
        rule = f"must tell {', '.join(silent)}"
        raise ConfigError(problem(report.source, rule, "nothing", remedy))
    setup = Setup(report.tool, report.stage, str(report.part), float(report.clock_target_ns or 0))
    _refuse_other_target(plan, setup, report)
    estimated = estimate(plan).resources
    return setup, MeasuredDesign(plan.digest, report.source, estimated, Resources(**amounts))


def _refuse_other_target(plan: HardwarePlan, setup: Setup, report: Measurement) -> None:
    part, clock_ns = load_device(plan.device).part, round(1e3 / plan.clock_mhz, 3)
    wanted, got = _plain(part), _plain(setup.part)
    if not (wanted.startswith(got) or got.startswith(wanted)):
        rule = f"must be of the part of its plan, {part}"
        raise ConfigError(problem(report.source, rule, setup.part, "Synthesize for that part."))
    if abs(setup.clock_target_ns - clock_ns) > CLOCK_TOLERANCE_NS:
        rule = f"must be for the clock of its plan, {clock_ns} ns"
        got = f"{setup.clock_target_ns} ns"
        raise ConfigError(problem(report.source, rule, got, "Synthesize for that clock."))


def _plain(part: str) -> str:
    return part.lower().replace("-", "")


def _without_twins(designs: Sequence[MeasuredDesign]) -> tuple[MeasuredDesign, ...]:
    """Each plan once; two reports of it may differ by the noise of the tools alone."""
    kept = []
    for _, group in groupby(sorted(designs, key=lambda d: d.plan), key=lambda d: d.plan):
        first, *others = group
        for other in others:
            for name in RESOURCES:
                a, b = (getattr(x.measured, name) for x in (first, other))
                if 1 + max(a, b) > TWINS * (1 + min(a, b)):
                    rule = f"must agree with {first.source} on {name}: their plans are equal"
                    raise ConfigError(
                        problem(other.source, rule, f"{b} and {a}", "Remove the wrong one.")
                    )
        kept.append(first)
    return tuple(kept)
