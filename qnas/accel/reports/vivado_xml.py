"""Vivado's reports in `-format xml`, converted to the layout of its text reports."""

from __future__ import annotations

from qnas.accel.reports.text import Text
from qnas.accel.reports.xml_tree import Element

ROOT = "RptDoc"
HEAD = {
    "Command": "cmdline",
    "Design": "designname",
    "Device": "partname",
    "Design State": "designstate",
    "Speed File": "speedfile",
}
CELLS = ("tableheader", "tablecell")
RULE = "+--+--+"


def as_text(root: Element, *, source: str) -> Text:
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
