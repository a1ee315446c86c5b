"""What Vivado's text reports have in common: the head with tool and device, and tables of bars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qnas.accel.reports.measurement import FlowStage
from qnas.errors import ReportError, problem

HEAD = re.compile(r"\|\s*(Tool Version|Design|Device|Design State|Command)\s*:\s*(.*?)\s*\|?\s*")
VERSION = re.compile(r"v\.?\s*(\d{4}\.\d+(?:\.\d+)?)")
CONTENTS = "Table of Contents"
SECTION = re.compile(r"\s*\d+(?:\.\d+)*\.?\s+(\S.*?)\s*")
AGAIN = "Write the report again."


@dataclass(frozen=True, slots=True)
class Text:
    """A report as lines. `source` names it in errors."""

    source: str
    lines: tuple[str, ...]

    def where(self, index: int) -> str:
        """File and line (from 1) of the line at `index`."""
        return f"{self.source}:{max(1, min(index + 1, len(self.lines)))}"

    @property
    def end(self) -> str:
        return self.where(len(self.lines))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table by its column titles (lower case); `indent` of its first cell."""

    index: int
    cells: dict[str, str]
    first: str
    indent: int


def head(text: Text) -> dict[str, str]:
    """The fields at the head of a report."""
    found: dict[str, str] = {}
    for line in text.lines[:40]:
        field = HEAD.fullmatch(line)
        if field:
            found.setdefault(field[1], field[2])
    return found


def facts(text: Text) -> dict[str, Any]:
    """Source, tool, version, part and top of a Vivado report."""
    fields = head(text)
    version = VERSION.search(fields.get("Tool Version", ""))
    return {
        "source": text.source,
        "tool": "Vivado",
        "version": version[1] if version else None,
        "part": fields.get("Device") or None,
        "top": fields.get("Design") or None,
    }


def flow_stage(text: Text) -> FlowStage:
    """From the design's state, else from the names that the flow gives its reports."""
    fields = head(text)
    name = text.source.rpartition("/")[2]
    for hint in (fields.get("Design State", ""), fields.get("Command", ""), name):
        words = hint.lower()
        if re.search(r"rout|plac|physopt|impl|optimized", words):
            return "implemented"
        if "synth" in words:
            return "synthesized"
    return "synthesized" if any("unplaced)" in line for line in text.lines) else "implemented"


def rows(text: Text) -> Iterator[Row]:
    """Rows of every table, by the titles above them; ReportError where a table is cut off."""
    titles: list[str] = []
    below = -1  # line below the titles
    fresh = True  # the next row of bars begins a table
    for index, line in enumerate(text.lines):
        bare = line.strip()
        if _is_rule(bare):  # above titles there is a rule, and another one below them
            fresh = fresh or (
                index != below and _is_rule("".join(text.lines[index + 2 : index + 3]))
            )
            continue
        if not bare.startswith("|"):
            fresh = True
            continue
        cells = bare.strip("|").split("|")
        if fresh and len(cells) == 1:  # the head of the report
            continue
        if fresh:
            titles, fresh = [cell.strip().lower() for cell in cells], False
            below = index + 1
        elif not bare.endswith("|") or len(cells) < len(titles):
            raise cut_off(text, index)
        else:
            first = cells[0].strip()
            indent = len(cells[0]) - len(cells[0].lstrip())
            values = (cell.strip() for cell in cells)
            yield Row(index, dict(zip(titles, values, strict=False)), first, indent)


def _is_rule(line: str) -> bool:
    bare = line.strip()
    return bare[:2] in ("+-", "|-", "| ") and set(bare) <= set("|-: +") and "--" in bare


def require_sections(text: Text) -> None:
    """ReportError unless every section that the table of contents promises is there."""
    stripped = [line.strip() for line in text.lines]
    if CONTENTS not in stripped:
        return
    start = stripped.index(CONTENTS) + 2
    titles = []
    for line in stripped[start:]:
        found = SECTION.fullmatch(line)
        if not found:
            break
        titles.append(found[1])
    body = stripped[start + len(titles) :]
    for title in titles:
        if not any((found := SECTION.fullmatch(line)) and found[1] == title for line in body):
            raise ReportError(
                problem(text.end, f"must have the section {title!r}", "the end of file", AGAIN)
            )


def cut_off(text: Text, index: int) -> ReportError:
    """The error of a table that ends in the middle."""
    got = repr(text.lines[index].strip()[:60])
    return ReportError(problem(text.where(index), "must be a whole row of a table", got, AGAIN))
