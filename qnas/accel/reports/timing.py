"""report_timing_summary: the clock that a synthesized or routed design reaches.

The period reached is the target less the worst setup slack (WNS), of the clock with the least.
"""

from __future__ import annotations

import re

from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.numbers import nanoseconds
from qnas.accel.reports.text import AGAIN, Text, facts, flow_stage
from qnas.errors import ReportError, problem

TITLES = {"Design Timing Summary", "Clock Summary", "Intra Clock Table", "Inter Clock Table"}
CLOCK = re.compile(r"\s*(\S+)\s+\{[^}]*\}\s+(\S+)(?:\s+\S+)?\s*")


def is_timing(text: Text) -> bool:
    """Whether a timing summary begins somewhere."""
    return any(line.strip("| ") == "Design Timing Summary" for line in text.lines)


def read_timing(text: Text) -> Measurement:
    """Target and period reached; None where the design has no constrained path (WNS `NA`).

    ReportError if the summary or its clocks are cut off.
    """
    wns = _worst_slack(text)
    periods = _periods(text)
    clock = _critical(text, periods)
    target = periods.get(clock) if clock else None
    reached = target - wns if target is not None and wns is not None else None
    return Measurement(
        **facts(text),
        stage=flow_stage(text),
        clock_target_ns=target,
        clock_estimated_ns=None if reached is None else round(reached, 6),
    )


def _section(text: Text, title: str) -> list[tuple[int, str]]:
    """Lines of a section with their indices, up to the next section."""
    inside, found = False, []
    for index, line in enumerate(text.lines):
        name = line.strip("| ").strip()
        if line.startswith("|") and name and not set(name) <= {"-"}:
            inside = name == title
        elif inside and line.strip() and not set(line.strip()) <= set("-| "):
            found.append((index, line))
    return found


def _worst_slack(text: Text) -> float | None:
    lines = _section(text, "Design Timing Summary")
    start = next((i for i, (_, line) in enumerate(lines) if "WNS(ns)" in line), None)
    if start is None or start + 1 >= len(lines):
        rule = "must have a design timing summary with WNS"
        raise ReportError(problem(text.end, rule, "the end of file", AGAIN))
    index, line = lines[start + 1]
    return nanoseconds(line.split()[0], where=text.where(index))


def _periods(text: Text) -> dict[str, float]:
    """Period of each clock, in ns; derived clocks too."""
    found: dict[str, float] = {}
    for index, line in _section(text, "Clock Summary"):
        clock = CLOCK.fullmatch(line)
        period = nanoseconds(clock[2], where=text.where(index)) if clock else None
        if clock and period is not None:
            found.setdefault(clock[1], period)
    return found


def _critical(text: Text, periods: dict[str, float]) -> str | None:
    """The clock with the least slack of its own; the only one if there is but one."""
    slacks: dict[str, float] = {}
    for index, line in _section(text, "Intra Clock Table"):
        name, *values = line.split()
        if name in periods and values:
            slack = nanoseconds(values[0], where=text.where(index))
            if slack is not None:
                slacks[name] = slack
    if slacks:
        return min(slacks, key=lambda name: (slacks[name], name))
    return next(iter(periods)) if len(periods) == 1 else None
