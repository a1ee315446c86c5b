"""Text reports of an HLS export: `<top>_export.rpt`, export_impl.rpt and export_syn.rpt.

They contain Vivado's results for the RTL that HLS exported. Block RAM is counted in halves of
36 Kb, as in the XML beside them.
"""

from __future__ import annotations

import re
from typing import Any

from qnas.accel.reports.measurement import FlowStage, Measurement
from qnas.accel.reports.numbers import count, nanoseconds
from qnas.accel.reports.text import AGAIN, Text, plain_version
from qnas.errors import ReportError, problem

AMOUNT = re.compile(r"(LUT|FF|DSP|BRAM|URAM):(.*)")
NAMES = {"LUT": "lut", "FF": "ff", "DSP": "dsp", "BRAM": "bram18", "URAM": "uram"}
PERIOD = re.compile(r"CP (required|achieved post-\w+):(.*)")
ROW = re.compile(r"\|\s*(Target|Post-\w+)\s*\|([^|]*)\|")
FACT = re.compile(r"(?:\s*\*)?\s*(Implementation tool|Version|Device target|Target device):(.*)")
TOP = re.compile(r"(\w+)_export\.rpt")
TARGET = ("required", "Target")
REACHED: dict[FlowStage, tuple[str, ...]] = {
    "implemented": ("achieved post-implementation", "Post-Route", "Post-Implementation"),
    "synthesized": ("achieved post-synthesis", "Post-Synthesis"),
}


def read_export(text: Text) -> Measurement:
    """Read the whole design.

    Raises:
        ReportError: The report is cut off.
    """
    amounts, periods = _amounts(text), _periods(text)
    if "lut" not in amounts or _ends_on_figure(text):
        rule = "must have resources and timing"
        raise ReportError(problem(text.end, rule, "the end of file", AGAIN))
    facts = (FACT.fullmatch(line) for line in text.lines)
    said = {found[1]: found[2].strip() for found in facts if found}
    stage, top = _stage(text), TOP.fullmatch(text.source.rpartition("/")[2])
    return Measurement(
        source=text.source,
        tool="Vivado",
        version=plain_version(said.get("Implementation tool") or said.get("Version")),
        stage=stage,
        part=said.get("Device target") or said.get("Target device"),
        top=top[1] if top else None,
        clock_target_ns=_first(periods, TARGET),
        clock_estimated_ns=_first(periods, REACHED[stage]),
        **amounts,
    )


def _stage(text: Text) -> FlowStage:
    marks = ("Post-Implementation Resource", "== Vivado Place & Route")
    built = any(mark in line for line in text.lines for mark in marks)
    return "implemented" if built else "synthesized"


def _amounts(text: Text) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index, line in enumerate(text.lines):
        amount = AMOUNT.fullmatch(line)
        if amount:
            found.setdefault(NAMES[amount[1]], count(amount[2], where=text.where(index)))
    return found


def _periods(text: Text) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for index, line in enumerate(text.lines):
        period = PERIOD.fullmatch(line) or ROW.fullmatch(line)
        if period:
            found.setdefault(period[1], nanoseconds(period[2], where=text.where(index)))
    return found


def _first(periods: dict[str, float | None], names: tuple[str, ...]) -> float | None:
    return next((periods[name] for name in names if name in periods), None)


def _ends_on_figure(text: Text) -> bool:
    """Whether the text ends inside a table; a complete report ends with a verdict or a rule."""
    last = next((line for line in reversed(text.lines) if line.strip()), "")
    return bool(AMOUNT.match(last) or PERIOD.match(last) or last.startswith("|"))
