"""Tables of bars as HLS and v++ print them: titles in one or two rows, groups of rows below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qnas.accel.reports.text import Text, cut_off


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its index in the report, and its cells with their spaces."""

    index: int
    cells: tuple[str, ...]

    @property
    def first(self) -> str:
        """The first cell, without spaces."""
        return self.cells[0].strip()


@dataclass(frozen=True, slots=True)
class Table:
    """A table under the heading `section` (`== ...`).

    `titles` are those of the last row above the first rule with a title in every column, in lower
    case.
    """

    section: str
    titles: tuple[str, ...]
    lines: tuple[Line, ...]
    index: int

    def cell(self, line: Line, *names: str) -> str | None:
        """Cell of `line` in the first column titled one of `names`."""
        for name in names:
            if name in self.titles and self.titles.index(name) < len(line.cells):
                return line.cells[self.titles.index(name)].strip()
        return None

    def line(self, first: str) -> Line | None:
        """The row whose first cell is `first`."""
        return next((line for line in self.lines if line.first == first), None)


def tables(text: Text) -> Iterator[Table]:
    """Yield every table of a report.

    Raises:
        ReportError: A table is cut off.
    """
    section, start = "", 0
    lines = text.lines
    while start < len(lines):
        bare = lines[start].strip()
        if bare.startswith("== "):
            section = bare[3:]
        if not bare.startswith("+-"):
            start += 1
            continue
        end = start
        while end < len(lines) and lines[end].strip().startswith(("|", "+")):
            end += 1
        yield _table(text, section, start, end)
        start = end


def _table(text: Text, section: str, start: int, end: int) -> Table:
    """Parse the table in lines `start` to `end`; line `start` is a rule."""
    groups: list[list[Line]] = [[]]
    for index in range(start + 1, end):
        bare = text.lines[index].strip()
        if bare.startswith("+"):
            if set(bare) - set("+- "):
                raise cut_off(text, index)
            groups.append([])
        elif not bare.endswith("|") or len(bare) < len("||"):
            raise cut_off(text, index)
        else:
            groups[-1].append(Line(index, tuple(bare[1:-1].split("|"))))
    if groups[-1]:
        raise cut_off(text, end - 1)
    heads, *bodies = groups
    lines = tuple(line for body in bodies for line in body)
    width = max((len(line.cells) for line in lines), default=0)
    titles = next((head for head in reversed(heads) if len(head.cells) >= width), None)
    names = tuple(cell.strip().lower() for cell in titles.cells) if titles else ()
    return Table(section, names, lines, start)
