"""Reports of implementation: what an export of Vitis HLS made, and what Vivado writes as XML.

An export's text reports are `<top>_export.rpt`, export_impl.rpt and export_syn.rpt. They contain
Vivado's results for the RTL that HLS exported. Block RAM is counted in halves of 36 Kb, as in the
XML beside them.
"""

from __future__ import annotations

import re
from typing import Any

from qnas.accel.reports.csynth import amounts, element_text, period
from qnas.accel.reports.measurement import Amounts, FlowStage, Measurement
from qnas.accel.reports.numbers import count, nanoseconds
from qnas.accel.reports.text import AGAIN, Text, plain_version
from qnas.accel.reports.xml_tree import Element
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


def is_implementation(root: Element) -> bool:
    """Whether a root element has Vivado's report to HLS."""
    return root.find("AreaReport") is not None or root.find("TimingReport") is not None


def read_implementation(root: Element, *, source: str) -> Measurement:
    """Read the whole design.

    Raises:
        ReportError: A value is not a number.
    """
    available = root.find("AreaReport/AvailableResources")
    return Measurement(
        source=source,
        tool="Vivado",
        version=plain_version(element_text(root, "RunData/VIVADO_VERSION")),
        stage=_stage(root, source),
        part=_general(root).get("target device"),
        top=_top(root),
        clock_target_ns=period(root.find("TimingReport"), "TargetClockPeriod", source),
        clock_estimated_ns=period(root.find("TimingReport"), "AchievedClockPeriod", source),
        available=Amounts(**amounts(available, source)),
        **_resources(root, source),
    )


def _resources(root: Element, source: str) -> dict[str, Any]:
    return amounts(root.find("AreaReport/Resources"), source)


def _stage(root: Element, source: str) -> FlowStage:
    kind = (element_text(root, "RunData/RUN_TYPE") or source.rpartition("/")[2]).lower()
    return "synthesized" if "syn" in kind else "implemented"


def _top(root: Element) -> str | None:
    """Name of the outermost RTL module."""
    for modules in root.all("RtlModules"):
        for module in modules.all("RtlModule"):
            if module.attributes.get("DEPTH") == "0":
                names = ("MODULENAME", "ORIG_REF_NAME", "REF_NAME")
                return next((module.attributes[n] for n in names if n in module.attributes), None)
    return None


def _general(root: Element) -> dict[str, str]:
    """General information by its name in lower case."""
    items = (i.attributes for info in root.all("GeneralInfo") for i in info.children)
    return {i["NAME"].lower(): i["VALUE"] for i in items if "NAME" in i and "VALUE" in i}


VIVADO_ROOT = "RptDoc"
HEAD = {
    "Command": "cmdline",
    "Design": "designname",
    "Device": "partname",
    "Design State": "designstate",
    "Speed File": "speedfile",
}
CELLS = ("tableheader", "tablecell")
RULE = "+--+--+"


def text_of_vivado_xml(root: Element, *, source: str) -> Text:
    """Convert a report to text; errors still name the lines of the XML."""
    lines: list[tuple[str, int]] = [
        (f"| {title} : {root.attributes.get(name, '')}", root.line) for title, name in HEAD.items()
    ]
    number = 0
    for element in root.walk():
        if element.tag == "section":
            number += 1
            title = f"{number}. {element.attributes.get('title', '')}"
            lines += [("", element.line), (title, element.line), ("---", element.line)]
        elif element.tag == "table":
            lines += _table(element)
    return Text(source, tuple(line for line, _ in lines), tuple(number for _, number in lines))


def _table(table: Element) -> list[tuple[str, int]]:
    """Rows of a table between rules, with a rule below the titles."""
    lines = [("", table.line), (RULE, table.line)]
    for row in table.all("tablerow"):
        cells = [cell for cell in row.children if cell.tag in CELLS]
        contents = (cell.attributes.get("contents", "").replace("|", "/") for cell in cells)
        lines.append(("| " + " | ".join(contents) + " |", row.line))
        if cells and cells[0].tag == "tableheader":
            lines.append((RULE, row.line))
    last = lines[-1][1]
    return [*lines, (RULE, last), ("", last)]


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
    stage, top = _stage_of_text(text), TOP.fullmatch(text.source.rpartition("/")[2])
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


def _stage_of_text(text: Text) -> FlowStage:
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
