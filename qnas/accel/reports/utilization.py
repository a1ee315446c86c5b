"""report_utilization: resources after synthesis or implementation, flat or by instance.

A design with black boxes has resources of None, since the report counts only the logic around them.
UltraScale counts CLB LUTs and CLB Registers, 7 series Slice LUTs and Slice Registers, Versal DSP
Slices. A block RAM tile is 36 Kb: two of `bram18`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from qnas.accel.reports.measurement import Measurement
from qnas.accel.reports.numbers import count, doubled
from qnas.accel.reports.text import (
    SECTION,
    Row,
    Text,
    WithoutFigures,
    cut_off,
    facts,
    flow_stage,
    head,
    require_sections,
    rows,
)
from qnas.errors import ReportError, problem

BLACK_BOXES = re.compile(r"\s*\d+(?:\.\d+)*\.?\s+Black Boxes\s*", re.IGNORECASE)
PART = re.compile(r"\s-(pblocks?|cells?)\s+(\{[^}]*\}|\[[^\]]*\]|\S+)")
SHOWN = 3  # most black boxes that a remark names
# Row titles of the flat report, without the asterisk of a footnote.
SITES = {
    "clb luts": "lut",
    "slice luts": "lut",
    "clb registers": "ff",
    "slice registers": "ff",
    "registers": "ff",
    "dsps": "dsp",
    "dsp slices": "dsp",
    "uram": "uram",
    "block ram tile": "tiles",
}
# Halves of a 36 Kb tile in each site, for reports without a sum.
HALVES = {"ramb36": 2, "ramb36/fifo": 2, "ramb36e5": 2, "ramb18": 1, "ramb18e5": 1}
# Column titles of the report by instance.
COLUMNS = {
    "total luts": ("lut", 1),
    "ffs": ("ff", 1),
    "ramb36": ("bram18", 2),
    "ramb18": ("bram18", 1),
    "uram": ("uram", 1),
    "dsp blocks": ("dsp", 1),
    "dsp48 blocks": ("dsp", 1),
    "dsp slices": ("dsp", 1),
}


def is_utilization(text: Text) -> bool:
    """Whether a text contains a table of resources."""
    return any(
        cell in ("site type", "clb luts", "slice luts")
        or (cell == "instance" and "Total LUTs" in line)
        for line in text.lines
        if (cell := _site(line.strip("| ").partition("|")[0]))
    )


def read_utilization(text: Text) -> Measurement:
    """Read the whole design, or the single cell of a report, with modules if listed by instance.

    Raises:
        ReportError: The report is cut off.
        WithoutFigures: The report is of an area of the device.
    """
    common = _whole(text)
    table = list(rows(text))
    require_sections(text)
    _require_closed(text)
    if any("total luts" in row.cells for row in table):
        return _by_instance(text, [row for row in table if "total luts" in row.cells])
    found = _flat(text, table)
    if "lut" not in found and "-slr" in head(text).get("Command", "").split():
        raise _of_area(text, "-slr")
    if "lut" not in found:
        raise ReportError(
            problem(
                text.end,
                "must count LUTs",
                "none",
                "Write the report again with `report_utilization -file`.",
            )
        )
    boxes = _black_boxes(text, table)
    if boxes:
        few = ", ".join(boxes[:SHOWN]) + (", ..." if len(boxes) > SHOWN else "")
        remark = (
            f"{text.source}: no resources, as the report leaves out what is in the black boxes of "
            f"the design: {len(boxes)} ({few}). A report of the implemented design counts them."
        )
        return Measurement(**common, stage=flow_stage(text), remarks=(remark,))
    return _without_nothing(Measurement(**common, stage=flow_stage(text), **found))


def _without_nothing(found: Measurement) -> Measurement:
    """Replace zeros by None if all resources are zero.

    The design's parts were then not linked when the report was written, although it names no black
    box.
    """
    if any((found.lut, found.ff, found.dsp, found.bram18, found.uram)):
        return found
    remark = (
        f"{found.source}: no resources, as the report counts none at all: no netlist was linked"
    )
    none = dict.fromkeys(("lut", "ff", "dsp", "bram18", "uram"))
    return replace(found, **none, modules=(), remarks=(remark,))  # type: ignore[arg-type]


def _whole(text: Text) -> dict[str, Any]:
    """Facts of the design, or of the cell of `-cells`; WithoutFigures for `-pblocks`, an area."""
    part = PART.search(head(text).get("Command", ""))
    if part and part[1].startswith("pblock"):
        raise _of_area(text, part[0].strip())
    return {**facts(text), "top": part[2].strip("{}")} if part else facts(text)


def _of_area(text: Text, option: str) -> WithoutFigures:
    rule, remedy = "must be of the whole design", "Write it again without that option."
    message = problem(f"{text.source}:1", rule, f"`{option}`", remedy)
    return WithoutFigures(message, kind="utilization of an area")


def _black_boxes(text: Text, table: Iterable[Row]) -> list[str]:
    """Names in the section of black boxes."""
    starts = [i for i, line in enumerate(text.lines) if BLACK_BOXES.fullmatch(line)]
    if not starts:
        return []
    start = starts[-1]
    rest = enumerate(text.lines[start + 1 :], start + 1)
    end = next((i for i, line in rest if SECTION.fullmatch(line)), len(text.lines))
    return [row.first for row in table if start < row.index < end and row.cells.get("used") != "0"]


def _flat(text: Text, table: Iterable[Row]) -> dict[str, Any]:
    """Resources by name; the first row of a resource is its total, later rows are parts of it."""
    found: dict[str, int | None] = {}
    halves: dict[str, int] = {}
    for row in table:
        site, used = _site(row.first), row.cells.get("used")
        if used is None:
            continue
        where = text.where(row.index)
        if SITES.get(site) == "tiles":
            found.setdefault("bram18", doubled(used, where=where))
        elif site in SITES:
            found.setdefault(SITES[site], count(used, where=where))
        elif site in HALVES and site not in halves:
            halves[site] = HALVES[site] * (count(used, where=where) or 0)
    if halves:
        found.setdefault("bram18", sum(halves.values()))
    return found


def _site(cell: str) -> str:
    return cell.strip().rstrip("*").strip().lower()


def _by_instance(text: Text, table: list[Row]) -> Measurement:
    """The outermost instance, with one module for each kind of instance below it."""
    common, stage = _whole(text), flow_stage(text)
    top = Measurement(**common, stage=stage, **_columns(text, table[0]))
    modules: dict[str, Measurement] = {}
    path: list[tuple[int, str]] = []
    for row in table[1:]:
        while path and path[-1][0] >= row.indent:
            path.pop()
        if row.first.startswith("("):  # an instance without the instances below it
            continue
        path.append((row.indent, row.first))
        name = row.cells.get("module") or row.first
        known = modules.get(name) or Measurement(
            **{**common, "top": name}, stage=stage, **_columns(text, row)
        )
        instance = "/".join(part for _, part in path)
        modules[name] = replace(known, instances=(*known.instances, instance))
    return _without_nothing(replace(top, modules=tuple(modules.values())))


def _columns(text: Text, row: Row) -> dict[str, Any]:
    found: dict[str, int | None] = {}
    where = text.where(row.index)
    for title, (name, factor) in COLUMNS.items():
        if title in row.cells:
            used = count(row.cells[title].partition("(")[0], where=where) or 0
            found[name] = (found.get(name) or 0) + factor * used
    return found


def _require_closed(text: Text) -> None:
    """Check that the report does not end inside a table with rules."""
    last = max((i for i, line in enumerate(text.lines) if line.strip()), default=0)
    ruled = any(line.startswith("+--") for line in text.lines)
    if ruled and text.lines[last].strip().startswith("|"):
        raise cut_off(text, last)
