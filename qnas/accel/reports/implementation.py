"""Reports of implementation: what an export of Vitis HLS made, and what Vivado writes as XML."""

from __future__ import annotations

from typing import Any

from qnas.accel.reports.csynth import amounts, element_text, period
from qnas.accel.reports.measurement import Amounts, FlowStage, Measurement
from qnas.accel.reports.text import Text, plain_version
from qnas.accel.reports.xml_tree import Element


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
