"""Reports of a v++ link: resources of its kernels by stage, and the estimate of the system.

UG1393: `kernel_util_<stage>.rpt` counts block RAM in tiles of 36 Kb; `system_estimate_*.xtxt` in
halves, as HLS does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.numbers import count, doubled, megahertz
from qnas.accel.reports.tables import Line, Table, tables
from qnas.accel.reports.text import AGAIN, Text, facts, flow_stage
from qnas.errors import ReportError, problem

TOTAL = "Used Resources"
NOT_KERNELS = ("Platform", "User Budget", TOTAL, "Unused Resources")
COUNT = re.compile(r"\s*\(\d+\)$")  # number of compute units, after the name of a kernel
RULE_LINE = re.compile(r"-{2,}(?:\s+-{2,})+\s*")


def read_kernel_utilization(text: Text) -> Measurement:
    """Read the sum of all kernels, with each kernel as a module.

    A single kernel is read as itself.
    """
    table = next((t for t in tables(text) if {"name", "lut", "reg"} <= {*t.titles}), None)
    total = table.line(TOTAL) if table else None
    if table is None or total is None:
        raise ReportError(problem(text.end, f"must have the row {TOTAL!r}", "none", AGAIN))
    common = {**facts(text), "top": None, "stage": flow_stage(text)}
    modules = tuple(
        Measurement(**{**common, "top": COUNT.sub("", line.first)}, **_used(text, table, line))
        for line in table.lines
        if line.first not in NOT_KERNELS and not line.cells[0].startswith("   ")
    )
    whole = Measurement(**common, **_used(text, table, total), modules=modules)
    return replace(whole, top=modules[0].top, modules=()) if len(modules) == 1 else whole


def _used(text: Text, table: Table, line: Line) -> dict[str, Any]:
    where = text.where(line.index)

    def cell(name: str) -> str:
        return (table.cell(line, name) or "").partition("[")[0]

    columns = {"lut": "lut", "ff": "reg", "dsp": "dsp", "uram": "uram"}
    amounts = {name: count(cell(title), where=where) for name, title in columns.items()}
    return {**amounts, "bram18": doubled(cell("bram"), where=where)}


def read_system_estimate(text: Text) -> tuple[Measurement, ...]:
    """Read one measurement for each kernel, with the functions below it as modules."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for index, row in _rows(text):
        kernel, module = row.get("kernel name"), row.get("module name")
        if kernel and module:
            found.setdefault((kernel, module), {}).update(_estimate(text, index, row))
    last = next((line for line in reversed(text.lines) if line.strip()), "")
    if not found or not last.startswith("---"):
        rule = "must have tables of kernels and a rule below them"
        raise ReportError(problem(text.end, rule, repr(last.strip()[:60]), AGAIN))
    common: dict[str, Any] = {
        "source": text.source,
        "tool": "Vitis HLS",
        "version": None,
        "stage": "hls",
    }
    made = {key: Measurement(**common, top=key[1], **said) for key, said in found.items()}
    return tuple(
        replace(
            made.get((kernel, kernel)) or Measurement(**common, top=kernel),
            modules=tuple(m for (k, name), m in made.items() if k == kernel != name),
        )
        for kernel in dict.fromkeys(kernel for kernel, _ in made)
    )


def _estimate(text: Text, index: int, row: dict[str, str]) -> dict[str, Any]:
    where = text.where(index)
    known: dict[str, Any] = {}
    for title, name in (
        ("worst (cycles)", "latency_cycles_max"),
        ("start interval", "interval_max"),
        ("lut", "lut"),
        ("ff", "ff"),
        ("dsp", "dsp"),
        ("bram", "bram18"),
        ("uram", "uram"),
    ):
        if title in row:
            known[name] = count(row[title], where=where)
    for title, name in (
        ("target frequency", "clock_target_ns"),
        ("estimated frequency", "clock_estimated_ns"),
    ):
        if title in row:
            known[name] = megahertz(row[title], where=where)
    return known


def _rows(text: Text) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield rows of tables with underlined titles, by column."""
    spans: list[tuple[str, int, int]] = []
    for index, line in enumerate(text.lines):
        if index and RULE_LINE.fullmatch(line):
            above = text.lines[index - 1]
            ends = [match.span() for match in re.finditer(r"-+", line)]
            spans = [(above[a:b].strip().lower(), a, b) for a, b in ends]
        elif not line.strip() or line.startswith("---"):
            spans = []
        elif spans:
            if len(line) < spans[-1][1]:
                got = repr(line.strip()[:60])
                rule = "must be a whole row of a table"
                raise ReportError(problem(text.where(index), rule, got, AGAIN))
            yield index, {title: line[a:b].strip() for title, a, b in spans}
