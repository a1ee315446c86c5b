"""Measured projects: exported kernels in C++, paired with the reports of a tool."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.designs import MIN_DESIGNS, Designs, Setup
from qnas.accel.calibration.kernels import KernelDesign, designs_of, kernel_design, kernel_name
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.device import MOST, load_device
from qnas.accel.plan.multi_network import read_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.reports import collect_reports
from qnas.accel.reports.measurement import Measurement, same_part
from qnas.accel.reports.runs import CLOCK_TOLERANCE_NS
from qnas.errors import ConfigError, ReportError, problem

# The two measured stages: HLS, and logic synthesis or place and route. If there are
# several reports of the second stage, the latest step of the flow counts.
HLS, BUILT = "hls", ("synthesized", "implemented")
LAST, COSIM = "last", "cosim"


def read_projects(directory: Path, *, remark: Callable[[str], None] | None = None) -> Calibration:
    """Read all measured projects below a directory, and fit a calibration to them.

    It predicts the last stage if MIN_DESIGNS designs reached it, else HLS. Cycles are those of
    co-simulations.

    Args:
        directory: A directory with projects (folders with a plan.json) in or below it; the
            reports are in or below each project.
        remark: Called with a sentence about each damaged report in a project with intact ones.

    Raises:
        ConfigError: There are fewer than MIN_DESIGNS plans; tools, parts, clocks or last stages
            differ; a part or clock is not the plan's; or reports of one plan contradict each other.
        ReportError: A project has no intact report.
    """
    setup, designs = measured_projects(directory, remark=remark)
    return fit(designs, subject="c++", setup=setup)


def measured_projects(
    directory: Path,
    *,
    at_least: int = MIN_DESIGNS,
    partly: bool = False,
    remark: Callable[[str], None] | None = None,
) -> tuple[Setup, Designs]:
    """The setup and the kernels of `at_least` measured projects or more below a directory.

    With `partly`, projects without an intact report are skipped with a remark. Raises as
    `read_projects`.
    """
    found = list[_Project]()
    for path in sorted(directory.rglob("plan.json")):
        try:
            found.append(_read_project(path.parent, remark))
        except ReportError as error:
            if not partly:
                raise
            if remark:
                remark(f"skipped: {error}")
    if not found:
        rule = "must hold exported projects, each with its plan.json and reports"
        raise ConfigError(problem(str(directory), rule, "none", "Check the path."))
    setups: dict[str, tuple[Setup, str]] = {}
    for project in found:
        for step, setup in project.setups.items():
            first = setups.setdefault(step, (setup, project.source))
            if not _same_setup(setup, first[0]):
                rule = f"must be of the same tool, stage, part and clock as {first[1]} ({first[0]})"
                remedy = "Calibrate each on its own."
                raise ConfigError(problem(project.source, rule, setup, remedy))
    names = {step: {p.name for p in found if step in p.setups} for step in (HLS, LAST)}
    step = LAST if len(names[LAST]) >= at_least else HLS
    if len(names[step]) < at_least:
        rule, remedy = f"must be of {at_least} plans at least", "Synthesize more plans."
        raise ConfigError(problem("reports", rule, max(map(len, names.values())), remedy))
    designs = designs_of([project.design(step) for project in found]).merged(str(directory))
    return setups[step][0], designs


@dataclass(frozen=True, slots=True)
class _Project:
    """An exported project: its plans, and what each step of the flow measured."""

    source: str
    plans: tuple[HardwarePlan, ...]
    estimated: Estimate
    setups: Mapping[str, Setup]
    amounts: Mapping[str, Mapping[str, float]]
    cycles: Mapping[str, float]

    @property
    def name(self) -> str:
        return kernel_name(self.plans)

    def design(self, step: str) -> KernelDesign:
        """The design of which `step` is predicted; HLS's amounts are the earlier ones."""
        return kernel_design(
            self.plans,
            {**self.amounts.get(step, {}), **self.cycles},
            backend="c++",
            estimated=self.estimated,
            earlier=self.amounts.get(HLS, {}) if step == LAST else {},
        )


def _read_project(folder: Path, remark: Callable[[str], None] | None) -> _Project:
    plans = read_plans(folder / "plan.json")
    reports = collect_reports([folder])
    for sentence in reports.broken if remark else ():
        remark(sentence)  # type: ignore[misc]
    first = [m for m in reports.measurements if m.stage == HLS]
    last = [m for m in reports.measurements if m.stage in BUILT]
    tops = {m.top for m in first}
    steps = {HLS: first, LAST: last}
    chosen = {step: _most_complete(group, tops) for step, group in steps.items() if group}
    if not chosen:
        rule = "must hold a report of synthesis or implementation"
        raise ConfigError(problem(str(folder), rule, "none", "Run the tool on the project."))
    estimated = estimate(*plans)
    simulated = [m for m in reports.measurements if m.stage == COSIM and m.latency_cycles_max]
    return _Project(
        " + ".join(report.source for report in chosen.values()),
        plans,
        estimated,
        {step: _setup(plans[0], report) for step, report in chosen.items()},
        {step: _amounts(report) for step, report in chosen.items()},
        _cycles(simulated[-1], estimated) if simulated and len(plans) == 1 else {},
    )


def _cycles(report: Measurement, estimated: Estimate) -> dict[str, float]:
    """Cycles of a call's first pass and of the next, of the co-simulation's longest call.

    A call of the test bench has two passes, or one where there is no other; whose share of the
    call is whose, the estimate says.
    """
    latency, first = float(report.latency_cycles_max or 0), float(estimated.cycles_first)
    both = first + estimated.cycles
    of_one = abs(math.log(latency / first)) < abs(math.log(latency / both))
    ratio = latency / (first if of_one else both)
    cycles = {"cycles": estimated.cycles * ratio, "cycles_first": first * ratio}
    return {name: float(round(value)) for name, value in cycles.items()}


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


def _amounts(report: Measurement) -> dict[str, float]:
    missing = _missing(report)
    if missing:
        remedy = "Give the csynth.xml or export_impl.xml."
        rule = f"must tell {', '.join(missing)}"
        raise ConfigError(problem(report.source, rule, "nothing", remedy))
    amounts = {name: float(getattr(report, name) or 0) for name in RESOURCES}
    for name, value in amounts.items():
        if not 0 <= value <= MOST:
            rule = f"must tell {name} in 0..{MOST:,}"
            raise ConfigError(problem(report.source, rule, value, "Run the tool again."))
    return amounts


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
