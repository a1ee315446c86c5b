"""csynth.rpt and `<function>_csynth.rpt`: HLS estimates as text.

`csynth.rpt` (Vitis HLS since 2020.2) is a tree of functions and loops without a clock. In it, `-`
means zero as well as unknown and is read as None. `<function>_csynth.rpt` (also of Vivado HLS) has
sections for timing, latency and utilization of one function.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from qnas.accel.reports.measurement import Amounts, Measurement
from qnas.accel.reports.numbers import count, nanoseconds
from qnas.accel.reports.tables import Line, Table, tables
from qnas.accel.reports.text import AGAIN, Text, cut_off, plain_version
from qnas.errors import ReportError, problem

TITLE = re.compile(r"== (?:Synthesis Summary Report of|(Vitis|Vivado) HLS Report for) '([^']*)'")
FACT = re.compile(r"\s*\*\s*(Version|Target device):(.*)")
COLUMNS = {
    "lut": ("lut",),
    "ff": ("ff",),
    "dsp": ("dsp", "dsp48e", "dsp48", "dsp58"),
    "bram18": ("bram", "bram_18k"),
    "uram": ("uram",),
}
FEW_COLUMNS = 5  # without times: min and max of latency and interval in cycles, and the type
RULE = "must have the table of estimates"


def read_summary(text: Text) -> Measurement:
    """Read csynth.rpt: the top function, with the instances below it as modules."""
    found = next((table for table in tables(text) if "& loops" in table.titles), None)
    functions = list(_functions(found)) if found else []
    if found is None or not functions:
        raise ReportError(problem(text.end, RULE, "the end of file", AGAIN))
    common = _facts(text)
    top, *below = functions
    modules = tuple(
        Measurement(**{**common, "top": name}, **_estimates(text, found, line), instances=(path,))
        for name, path, line in below
    )
    return Measurement(**common, **_estimates(text, found, top[2]), modules=modules)


def read_function(text: Text) -> Measurement:
    """Read `<function>_csynth.rpt`: that function alone."""
    here = list(tables(text))
    performance = [table for table in here if table.section.startswith("Performance Estimates")]
    timing = next((t for t in performance if "estimated" in t.titles), None)
    latency = next((t for t in performance if t.titles[:2] == ("min", "max")), None)
    usage = next((t for t in here if t.section.startswith("Utilization") and t.line("Total")), None)
    if usage is None:
        raise ReportError(problem(text.end, RULE, "the end of file", AGAIN))
    return Measurement(
        **_facts(text),
        **_clock(text, timing),
        **_latency(text, latency),
        **_amounts(text, usage, usage.line("Total")),
        available=Amounts(**_amounts(text, usage, usage.line("Available"))),
    )


def _facts(text: Text) -> dict[str, Any]:
    title = next((found for line in text.lines if (found := TITLE.match(line))), None)
    facts = (FACT.fullmatch(line) for line in text.lines[:30])
    said = {found[1]: found[2].strip() for found in facts if found}
    return {
        "source": text.source,
        "tool": f"{(title and title[1]) or 'Vitis'} HLS",
        "version": plain_version(said.get("Version")),
        "stage": "hls",
        "part": said.get("Target device") or None,
        "top": (title and title[2]) or None,
    }


def _functions(table: Table) -> Iterator[tuple[str, str, Line]]:
    """Yield name, path and row of each function, without loops."""
    path: list[tuple[int, str]] = []
    for line in table.lines:
        cell = line.cells[0]
        indent, mark = len(cell) - len(cell.lstrip()), cell.strip()[:1]
        while path and path[-1][0] >= indent:
            path.pop()
        if mark == "+":
            name = cell.strip()[1:].strip().rstrip("*")
            path.append((indent, name))
            yield name, "/".join(part for _, part in path[1:]), line


def _estimates(text: Text, table: Table, line: Line) -> dict[str, Any]:
    where = text.where(line.index)
    return {
        "latency_cycles_max": count(table.cell(line, "(cycles)"), where=where),
        "interval_max": count(table.cell(line, "interval"), where=where),
        **_amounts(text, table, line),
    }


def _amounts(text: Text, table: Table, line: Line | None) -> dict[str, Any]:
    if line is None:
        return {}
    where = text.where(line.index)
    cells = {name: table.cell(line, *titles) for name, titles in COLUMNS.items()}
    return {
        name: count((cell or "").partition("(")[0], where=where) for name, cell in cells.items()
    }


def _clock(text: Text, table: Table | None) -> dict[str, Any]:
    if table is None or not table.lines:
        return {}
    line = table.lines[0]
    where = text.where(line.index)
    return {
        "clock_target_ns": nanoseconds(table.cell(line, "target"), where=where) or None,
        "clock_estimated_ns": nanoseconds(table.cell(line, "estimated"), where=where) or None,
    }


def _latency(text: Text, table: Table | None) -> dict[str, Any]:
    """Largest latency and interval in cycles.

    The columns are min and max of the latency in cycles, of its time (since 2019.2) and of the
    interval.
    """
    if table is None or not table.lines:
        return {}
    line = table.lines[0]
    where = text.where(line.index)
    interval = 3 if len(line.cells) <= FEW_COLUMNS else 5
    if len(line.cells) < FEW_COLUMNS or len(line.cells) <= interval:
        raise cut_off(text, line.index)
    return {
        "latency_cycles_max": count(line.cells[1], where=where),
        "interval_max": count(line.cells[interval], where=where),
    }
