"""report_timing_summary: the clock that a synthesized or routed design reaches.

The period reached is the target minus the worst setup slack (WNS) of the clock with the least
slack. If paths between clocks are violated, the period is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Container

from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.numbers import nanoseconds
from qnas.accel.reports.text import AGAIN, Text, facts, flow_stage
from qnas.errors import ReportError, problem

WNS = "WNS(ns)"
UNCONSTRAINED = "There are no user specified timing constraints"
CLOCK = re.compile(r"\s*(\S+)\s+\{[^}]*\}\s+(\S+)(?:\s+\S+)?\s*")


def is_timing(text: Text) -> bool:
    """Whether a text contains a timing summary."""
    return any(line.strip("| ") == "Design Timing Summary" for line in text.lines)


def read_timing(text: Text) -> Measurement:
    """Read target and period reached; None if the design has no constrained path (WNS `NA`).

    Raises:
        ReportError: The summary or its clocks are cut off.
    """
    wns, periods = _worst_slack(text), _periods(text)
    known = _slacks(text, periods)
    clock = min(known, key=lambda name: (known[name], name)) if known else None
    if clock is None and len(periods) == 1:
        clock = next(iter(periods))
    target = periods.get(clock) if clock else None
    slack = known.get(clock, wns) if clock and wns is not None else None
    elsewhere = wns is not None and slack is not None and wns < min(0.0, slack)
    remark = f"{text.source}: the clock reached is unknown, as paths between clocks miss theirs"
    reached = None if target is None or slack is None or elsewhere else target - slack
    return Measurement(
        **facts(text),
        stage=flow_stage(text),
        clock_target_ns=target,
        clock_estimated_ns=None if reached is None else round(reached, 6),
        remarks=(remark,) if elsewhere else (),
    )


def _section(text: Text, title: str) -> list[tuple[int, str]]:
    """Lines of a section with their indices."""
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
    if any(UNCONSTRAINED in line for _, line in lines):
        return None
    start = next((i for i, (_, line) in enumerate(lines) if WNS in line), None)
    if start is None or start + 1 >= len(lines):
        rule = "must have a design timing summary with WNS"
        raise ReportError(problem(text.end, rule, "the end of file", AGAIN))
    index, line = lines[start + 1]
    return nanoseconds(line.split()[0], where=text.where(index))


def _periods(text: Text) -> dict[str, float]:
    """Period of each clock, including derived clocks, in ns."""
    found: dict[str, float] = {}
    for index, line in _section(text, "Clock Summary"):
        clock = CLOCK.fullmatch(line)
        period = nanoseconds(clock[2], where=text.where(index)) if clock else None
        if clock and period is not None:
            found.setdefault(clock[1], period)
    return found


def _slacks(text: Text, clocks: Container[str]) -> dict[str, float]:
    """Worst setup slack of each clock's own paths.

    A clock without paths has an empty cell, so cells are identified by the column in which they
    end.
    """
    slacks: dict[str, float] = {}
    end = 0
    for index, line in _section(text, "Intra Clock Table"):
        if WNS in line:
            end = line.index(WNS) + len(WNS)
            continue
        cells = line[: end or None].split()
        ends_there = not end or line[end - 1 : end].strip()
        if len(cells) > 1 and cells[0] in clocks and ends_there:
            slack = nanoseconds(cells[1], where=text.where(index))
            slacks |= {} if slack is None else {cells[0]: slack}
    return slacks
