"""Runs: clock, part and top that a report lacks are completed from other reports of its run.

A run is the output of a tool in and below one folder: a solution of HLS (`syn`, `impl`, `sim`), a
project of Vivado (`*.runs`), a link of v++ (`_x`). Resources and latency are never completed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from qnas._util.units import listed
from qnas.accel.reports.measurement import Measurement, plain_part, same_part

# Folders that a flow makes inside a run.
INSIDE = frozenset(
    {"syn", "impl", "sim", "csim", "report", "reports", "rpt", "verilog", "vhdl", "synth", "cosim"}
    | {"link", "imp", "vivado", "vpl", "prj", "hls_impl", "synthesis", "implementation"}
)
RUN_FOLDER = re.compile(r"impl_.*|synth_.*|.*_(impl|synth)_\d+|.*\.runs")
CLOCK_TOLERANCE_NS = 0.006  # reports round to hundredths
WANTED = {
    "part": "part",
    "top": "top function",
    "clock_target_ns": "target clock",
    "clock_estimated_ns": "clock reached",
}
SHOWN = 3  # most files that a remark names


def completed(found: Sequence[Measurement]) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    """Complete measurements from others of the same run.

    A value is taken if the nearest reports that contain it agree.

    Returns:
        The measurements in the same order, and a remark for each value that was taken.
    """
    reports = [_Report(m, Path(os.path.abspath(m.source)).parent) for m in found]
    groups: dict[Path, list[_Report]] = {}
    for report, root in zip(reports, _roots([r.folder for r in reports]), strict=True):
        groups.setdefault(root, []).append(report)
    taken: dict[tuple[str, str], list[str]] = {}
    for group in groups.values():
        tops = _tops(group)
        for report in group:
            for what, source in _complete(report, group, tops):
                taken.setdefault((what, source), []).append(Path(report.said.source).name)
    remarks = (f"{what} of {few(n)} taken from {source}" for (what, source), n in taken.items())
    return tuple(report.completed for report in reports), tuple(remarks)


def few(names: Sequence[str]) -> str:
    """List the first names and the number of further ones."""
    return listed(names, most=SHOWN)


@dataclass(slots=True)
class _Report:
    """A measurement as read, the folder of its file, and the completed measurement."""

    said: Measurement
    folder: Path
    completed: Measurement = field(init=False)

    def __post_init__(self) -> None:
        self.completed = self.said

    @property
    def is_vivados(self) -> bool:
        """Whether Vivado wrote a report of a whole design; other reports name the kernel as top."""
        path = Path(self.said.source)
        of_kernel = "export" in path.name or "kernel_util" in path.name
        return self.said.tool == "Vivado" and not of_kernel


def _roots(folders: Sequence[Path]) -> list[Path]:
    """Run folder of each folder.

    A run inside another one belongs to the outer run if no other run is inside it.
    """
    roots = [_root(folder) for folder in folders]
    distinct = sorted(set(roots), key=lambda root: len(root.parts))
    merged = {root: root for root in distinct}
    for outer in distinct:
        inner = [root for root in distinct if root != outer and outer in root.parents]
        if len(inner) == 1:
            merged[inner[0]] = merged[outer]
    return [merged[root] for root in roots]


def _root(folder: Path) -> Path:
    while folder.parent != folder and _is_inside(folder.name.lower()):
        folder = folder.parent
    return folder


def _is_inside(name: str) -> bool:
    return name in INSIDE or RUN_FOLDER.fullmatch(name) is not None


def _tops(group: Iterable[_Report]) -> tuple[set[str], set[str]]:
    """Names of designs in other reports, and in Vivado's reports (possibly wrappers)."""
    tops: tuple[set[str], set[str]] = (set(), set())
    for report in group:
        if report.said.top:
            tops[report.is_vivados].add(report.said.top)
    return tops


def _complete(
    report: _Report, group: Sequence[_Report], tops: tuple[set[str], set[str]]
) -> Iterator[tuple[str, str]]:
    """Complete a report from others of its run; yields each added field and its source."""
    for name, what in WANTED.items():
        others = [o for o in group if o is not report and _offers(o, report, name)]
        others = [o for o in others if _same_design(report, o, tops)]
        value, source = _nearest(report, others, name)
        if value is not None:
            report.completed = replace(report.completed, **{name: value})
            yield what, source


def _same_design(report: _Report, other: _Report, tops: tuple[set[str], set[str]]) -> bool:
    """Whether two reports are of one design: their tops are equal, or the run has only one design.

    A design in Vivado's reports contains the kernels.
    """
    kernels, wrappers = tops
    if report.said.top is not None and report.said.top == other.said.top:
        return True
    if report.said.tool == "Vivado" and other.is_vivados:
        return len(wrappers) <= 1
    across = report.is_vivados or other.is_vivados
    return len(kernels) <= 1 and (len(wrappers) <= 1 or not across)


def _offers(other: _Report, report: _Report, name: str) -> bool:
    """Whether `other` has a field that `report` lacks."""
    own, value = getattr(report.said, name), getattr(other.said, name)
    if value is None or (own is not None and name != "part"):
        return False
    if name == "part":
        longer = own is not None and len(plain_part(value)) > len(plain_part(own))
        return own is None or (longer and same_part(own, value))
    if report.said.part and other.said.part and not same_part(report.said.part, other.said.part):
        return False
    if name == "top":
        several = bool(report.said.modules)  # kernels of a link have no common top
        return not (several or report.is_vivados or other.is_vivados)
    if name == "clock_estimated_ns":  # valid for the same tool and stage alone
        built = report.said.stage in ("synthesized", "implemented")
        return built and (other.said.tool, other.said.stage) == (
            report.said.tool,
            report.said.stage,
        )
    return True


def _nearest(report: _Report, others: Sequence[_Report], name: str) -> tuple[Any, str]:
    """Value in the nearest reports, and one of them as its source; (None, "") if they disagree."""
    ranks = [(_distance(report, other), other) for other in others]
    if not ranks:
        return None, ""
    least = min(rank for rank, _ in ranks)
    nearest = [other for rank, other in ranks if rank == least]
    first = max(nearest, key=lambda other: len(str(getattr(other.said, name))))
    value = getattr(first.said, name)
    agree = all(_agree(name, value, getattr(other.said, name)) for other in nearest)
    return (value, first.said.source) if agree else (None, "")


def _distance(report: _Report, other: _Report) -> tuple[int, bool, int]:
    """Distance of two reports.

    Another stage counts more than another design, and that more than another folder. Among other
    stages HLS is the nearest, since its settings hold for all later stages.
    """
    stages = (report.said.stage, "hls")
    stage = stages.index(other.said.stage) if other.said.stage in stages else len(stages)
    another_top = report.said.top is None or other.said.top != report.said.top
    here, there = report.folder.parts, other.folder.parts
    pairs = zip(here, there, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return stage, another_top, len(here) + len(there) - 2 * common


def _agree(name: str, one: Any, other: Any) -> bool:
    if name == "part":
        return same_part(one, other)
    return abs(one - other) <= CLOCK_TOLERANCE_NS if name != "top" else bool(one == other)
