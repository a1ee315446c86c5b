"""Measured designs: exported projects paired with the reports of a tool."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from qnas._util.serialization import Value, digest
from qnas.accel.calibration.pairs import DUPLICATE_RATIO, MIN_PAIRS, Floats
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.estimate import RESOURCES, Resources
from qnas.accel.device import MOST, load_device
from qnas.accel.plan.multi_network import encode_plans, read_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.reports import collect_reports
from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.parts import same_part
from qnas.errors import ConfigError, problem

# The two measured stages: HLS, and logic synthesis or place and route. If there are
# several reports of the second stage, the latest step of the flow counts.
HLS, BUILT = "hls", ("synthesized", "implemented")
CLOCK_TOLERANCE_NS = 0.006  # reports round to hundredths


@dataclass(frozen=True, slots=True)
class Setup(Value):
    """Conditions that measurements must share to be learned from together."""

    tool: str
    stage: str
    part: str
    clock_target_ns: float


@dataclass(frozen=True, slots=True)
class MeasuredDesign(Value):
    """One measured plan, with every resource of its estimate and of each stage.

    Attributes:
        plan: Digest of the plan.
        source: Names of the reports.
        estimated: Resources by the cost model.
        hls: Resources by HLS; None if there is no such report.
        built: Resources after synthesis or implementation; None if there is no such report.
    """

    plan: str
    source: str
    estimated: Resources
    hls: Resources | None
    built: Resources | None

    def __post_init__(self) -> None:
        if self.hls is None and self.built is None:
            remedy = "Give a report of it."
            raise ConfigError(problem(self.source, "must be measured", "nothing", remedy))
        for amounts in filter(None, (self.estimated, self.hls, self.built)):
            for name in RESOURCES:
                if not 0 <= getattr(amounts, name) <= MOST:
                    rule, got = f"must tell {name} in 0..{MOST:,}", getattr(amounts, name)
                    raise ConfigError(problem(self.source, rule, got, "Read its reports again."))


@dataclass(frozen=True, slots=True)
class MeasuredDesigns(Value):
    """At least MIN_PAIRS designs of one setup, ordered by plan, each plan once.

    The predicted stage is the last one if MIN_PAIRS designs reached it, else HLS.
    """

    setup: Setup
    designs: tuple[MeasuredDesign, ...]

    def __post_init__(self) -> None:
        if len({design.plan for design in self.designs}) < len(self.designs):
            rule, remedy = "must be of each plan once", "Read the reports again."
            raise ConfigError(problem("designs", rule, "one twice", remedy))
        if len(self.predicted) < MIN_PAIRS:
            rule, remedy = f"must be of {MIN_PAIRS} plans at least", "Synthesize more plans."
            raise ConfigError(problem("reports", rule, len(self.predicted), remedy))

    @property
    def built(self) -> tuple[MeasuredDesign, ...]:
        """The designs that were measured at the last stage."""
        return tuple(d for d in self.designs if d.built)

    @property
    def stage(self) -> str:
        """The stage that is predicted."""
        return self.setup.stage if len(self.built) >= MIN_PAIRS else HLS

    @property
    def predicted(self) -> tuple[MeasuredDesign, ...]:
        """The designs that were measured at `stage`."""
        if len(self.built) >= MIN_PAIRS:
            return self.built
        return tuple(d for d in self.designs if d.hls)


def log_residuals(pairs: Sequence[tuple[Resources, Resources]]) -> Floats:
    """Return log((1 + second) / (1 + first)) of each pair, (pairs, RESOURCES)."""
    shape = (len(pairs), len(RESOURCES))
    first, second = (
        np.array([[getattr(pair[i], r) for r in RESOURCES] for pair in pairs], float).reshape(shape)
        for i in (0, 1)
    )
    residuals: Floats = np.log1p(second) - np.log1p(first)
    return residuals


def read_designs(
    directory: Path, *, remark: Callable[[str], None] | None = None
) -> MeasuredDesigns:
    """Read all measured projects below a directory.

    Args:
        directory: A directory with projects (folders with a plan.json) in or below it; the
            reports are in or below each project.
        remark: Called with a sentence about each damaged report in a project with intact ones.

    Raises:
        ConfigError: There are fewer than MIN_PAIRS plans; tools, parts, clocks or last stages
            differ; a part or clock is not the plan's; or reports of one plan contradict each other.
        ReportError: A project has no intact report.
    """
    found = [_read_project(path.parent, remark) for path in sorted(directory.rglob("plan.json"))]
    if not found:
        rule = "must hold exported projects, each with its plan.json and reports"
        raise ConfigError(problem(str(directory), rule, "none", "Check the path."))
    setups: dict[bool, tuple[Setup, str]] = {}
    for reports, design in found:
        for setup in reports:
            first = setups.setdefault(setup.stage == HLS, (setup, design.source))
            if not _same_setup(setup, first[0]):
                rule = f"must be of the same tool, stage, part and clock as {first[1]} ({first[0]})"
                remedy = "Calibrate each on its own."
                raise ConfigError(problem(design.source, rule, setup, remedy))
    last, _ = setups[False] if False in setups else setups[True]
    return MeasuredDesigns(last, _without_duplicates([design for _, design in found]))


def _read_project(
    folder: Path, remark: Callable[[str], None] | None
) -> tuple[tuple[Setup, ...], MeasuredDesign]:
    plans = read_plans(folder / "plan.json")
    reports = collect_reports([folder])
    for sentence in reports.broken if remark else ():
        remark(sentence)  # type: ignore[misc]
    first = [m for m in reports.measurements if m.stage == HLS]
    last = [m for m in reports.measurements if m.stage in BUILT]
    tops = {m.top for m in first}
    chosen = [_most_complete(group, tops) for group in (first, last) if group]
    if not chosen:
        rule = "must hold a report of synthesis or implementation"
        raise ConfigError(problem(str(folder), rule, "none", "Run the tool on the project."))
    amounts = {report.stage == HLS: _amounts(report) for report in chosen}
    setups = tuple(_setup(plans[0], report) for report in chosen)
    source = " + ".join(report.source for report in chosen)
    estimated = estimate(*plans).resources
    hls, built = amounts.get(True), amounts.get(False)
    return setups, MeasuredDesign(
        digest(encode_plans(plans)), source, estimated, hls=hls, built=built
    )


def _most_complete(reports: Sequence[Measurement], tops: Set[str | None]) -> Measurement:
    """Choose the report that says most about the kernel.

    Preferred are reports with all resources, then of the latest step, then of the kernel itself
    rather than of a design around it.
    """

    def rank(report: Measurement) -> tuple[bool, bool, bool]:
        return not _missing(report), report.stage == BUILT[-1], report.top in tops

    return sorted(reports, key=rank)[-1]


def _missing(report: Measurement) -> list[str]:
    """Names of the resources that a report leaves out; parts without UltraRAM do not mention it."""
    needed = (*(name for name in RESOURCES if name != "uram"), "part", "clock_target_ns")
    return [name for name in needed if getattr(report, name) is None]


def _amounts(report: Measurement) -> Resources:
    amounts = {name: getattr(report, name) for name in RESOURCES}
    amounts["uram"] = amounts["uram"] or 0
    missing = _missing(report)
    if missing:
        remedy = "Give the csynth.xml or export_impl.xml."
        rule = f"must tell {', '.join(missing)}"
        raise ConfigError(problem(report.source, rule, "nothing", remedy))
    return Resources(**amounts)


def _setup(plan: HardwarePlan, report: Measurement) -> Setup:
    found = Setup(report.tool, report.stage, str(report.part), float(report.clock_target_ns or 0))
    _refuse_other_target(plan, found, report)
    return found


def _refuse_other_target(plan: HardwarePlan, setup: Setup, report: Measurement) -> None:
    part, clock_ns = load_device(plan.device).part, round(1e3 / plan.clock_mhz, 3)
    if not same_part(part, setup.part):
        rule = f"must be of the part of its plan, {part}"
        raise ConfigError(problem(report.source, rule, setup.part, "Synthesize for that part."))
    if not same_clock(clock_ns, setup.clock_target_ns):
        rule = f"must be for the clock of its plan, {clock_ns} ns"
        got = f"{setup.clock_target_ns} ns"
        raise ConfigError(problem(report.source, rule, got, "Synthesize for that clock."))


def same_clock(one_ns: float, other_ns: float) -> bool:
    """Whether two periods are equal to the precision of reports."""
    return abs(one_ns - other_ns) <= CLOCK_TOLERANCE_NS


def _same_setup(one: Setup, other: Setup) -> bool:
    """Whether two setups are equal, regardless of how reports write part and clock."""
    return (
        (one.tool, one.stage) == (other.tool, other.stage)
        and same_part(one.part, other.part)
        and same_clock(one.clock_target_ns, other.clock_target_ns)
    )


def _without_duplicates(designs: Sequence[MeasuredDesign]) -> tuple[MeasuredDesign, ...]:
    """Keep each plan once; duplicates may differ only by the noise of the tools."""
    kept = []
    for _, group in groupby(sorted(designs, key=lambda d: d.plan), key=lambda d: d.plan):
        first, *others = group
        for other in others:
            _refuse_contradictions(first, other)
            first = replace(first, hls=first.hls or other.hls, built=first.built or other.built)
        kept.append(first)
    return tuple(kept)


def _refuse_contradictions(first: MeasuredDesign, other: MeasuredDesign) -> None:
    for both in ((first.hls, other.hls), (first.built, other.built)):
        for name in RESOURCES if all(both) else ():
            a, b = (getattr(x, name) for x in both)
            if 1 + max(a, b) > DUPLICATE_RATIO * (1 + min(a, b)):
                rule = f"must agree with {first.source} on {name}: their plans are equal"
                raise ConfigError(
                    problem(other.source, rule, f"{b} and {a}", "Remove the wrong one.")
                )
