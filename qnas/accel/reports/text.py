"""Common parts of Vivado's text reports: the head with tool and device, and tables of bars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qnas.accel.reports.measurement import FlowStage
from qnas.errors import ReportError, problem

HEAD = re.compile(r"\|\s*(Tool Version|Design|Device|Design State|Command|Speed File)\s*:(.*)")
HEAD_LINES = 40
VERSION = re.compile(r"\d{4}\.\d+(?:\.\d+)?")
FILE_OPTION = re.compile(r"-file\s+(\S+)")
IMPLEMENTED = re.compile(
    r"routed|placed|phys_?opt|optimized|opted|(post|after)_?(rout|plac|impl)"
    r"|(?<![a-z])(route|place|impl)(?![a-z])"
)
SYNTHESIZED = re.compile(r"synth")
CONTENTS = "Table of Contents"
SECTION = re.compile(r"\s*\d+(?:\.\d+)*\.?\s+(\S.*)")
AGAIN = "Write the report again."


class WithoutFigures(ReportError):
    """A file without any figure of a `Measurement`; `kind` says which kind of file it is."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Text:
    """A report as lines.

    `source` names the report in errors. `numbers` are the line numbers in the file, if they are not
    1, 2, ...
    """

    source: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def where(self, index: int) -> str:
        """File and line number (from 1) of the line at `index`."""
        number = max(1, min(index + 1, len(self.lines)))
        return f"{self.source}:{self.numbers[number - 1] if self.numbers else number}"

    @property
    def end(self) -> str:
        """File and line number of the end."""
        return self.where(len(self.lines))


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table by its column titles (lower case), with the indent of its first cell."""

    index: int
    cells: dict[str, str]
    first: str
    indent: int


def head(text: Text) -> dict[str, str]:
    """Fields at the head of a report."""
    found: dict[str, str] = {}
    for line in text.lines[:HEAD_LINES]:
        field = HEAD.fullmatch(line)
        if field:
            found.setdefault(field[1], field[2].strip(" |"))
    return found


def facts(text: Text) -> dict[str, Any]:
    """Source, tool, version, part and top of a Vivado report."""
    fields = head(text)
    return {
        "source": text.source,
        "tool": "Vivado",
        "version": plain_version(fields.get("Tool Version")),
        "part": fields.get("Device") or None,
        "top": fields.get("Design") or None,
    }


def plain_version(said: str | None) -> str | None:
    """Extract `2025.1.1` from `v.2025.1.1` or `v2025.1.1 (64-bit)`; other texts are kept."""
    found = VERSION.search(said or "")
    return found[0] if found else (said or None)


def flow_stage(text: Text) -> FlowStage:
    """Find the stage from the design's state, the report's name in the flow, or its nets."""
    fields = head(text)
    written = FILE_OPTION.search(fields.get("Command", ""))
    names = (written[1] if written else "", text.source)
    hints = (fields.get("Design State", ""), *(re.split(r"[/\\]", name)[-1] for name in names))
    for words in map(str.lower, hints):
        if IMPLEMENTED.search(words):
            return "implemented"
        if SYNTHESIZED.search(words):
            return "synthesized"
    return "synthesized" if any("unplaced)" in line for line in text.lines) else "implemented"


def rows(text: Text) -> Iterator[Row]:
    """Yield the rows of every table, by their column titles.

    Raises:
        ReportError: A table is cut off.
    """
    titles: list[str] = []
    below = -1  # line below the titles
    fresh = True  # the next row of bars begins a table
    for index, line in enumerate(text.lines):
        bare = line.strip()
        if _is_rule(bare):  # titles have a rule above and below
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
    """Check that the last section of the table of contents exists.

    Earlier sections may have been removed by hand; a missing last section means a cut-off report.

    Raises:
        ReportError: The last section is missing.
    """
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
    found_titles = {found[1] for line in body if (found := SECTION.fullmatch(line))}
    if titles and titles[-1] not in found_titles:
        title = next(title for title in titles if title not in found_titles)
        raise ReportError(
            problem(text.end, f"must have the section {title!r}", "the end of file", AGAIN)
        )


def cut_off(text: Text, index: int) -> ReportError:
    """Make the error of a table that ends in the middle."""
    got = repr(text.lines[index].strip()[:60])
    return ReportError(problem(text.where(index), "must be a whole row of a table", got, AGAIN))
