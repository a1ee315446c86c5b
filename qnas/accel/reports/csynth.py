"""csynth.xml: the HLS estimate of the top function and of each function below it.

Vivado HLS (to 2020.1) and Vitis HLS (since) use different names: DSP48E or DSP, with or without
URAM, modules in the same file or in files of their own. `undef` and `?` are latencies that depend
on data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from qnas.accel.reports.measurement import Amounts, Measurement
from qnas.accel.reports.numbers import count, nanoseconds
from qnas.accel.reports.text import plain_version
from qnas.accel.reports.xml_tree import Element

# Resource -> its tags in all versions, for the estimate and for AVAIL_*.
RESOURCE_TAGS = {
    "lut": ("LUT",),
    "ff": ("FF",),
    "dsp": ("DSP", "DSP48E", "DSP48E1", "DSP48E2", "DSP48", "DSP58"),
    "bram18": ("BRAM_18K", "BRAM"),
    "uram": ("URAM",),
}
SECTIONS = ("UserAssignments", "PerformanceEstimates", "AreaEstimates", "ModuleInformation")
LAST_VIVADO_HLS = (2020, 1)


def is_csynth(root: Element) -> bool:
    """Whether a root element has a section of an HLS estimate."""
    return any(root.find(section) is not None for section in SECTIONS[1:])


def read_csynth(root: Element, *, source: str) -> tuple[Measurement, ...]:
    """Read one measurement for each top function, the report's own first.

    Raises:
        ReportError: A value is not a number.
    """
    modules = _modules(root, source)
    tops = _tops(root)
    name = element_text(root, "UserAssignments/TopModelName") or next(iter(tops), None)
    facts = _facts(root, source)
    first = _measured(root, source, facts, name)
    if name in modules:
        first = replace(modules[name], **_said(first))
    inside = tops.get(name or "", {})
    shared = {m: replace(v, instances=inside.get(m, ())) for m, v in modules.items() if m != name}
    others = [top for top in tops if top != name and top in modules]
    if not others:
        return (replace(first, modules=tuple(shared.values())),)
    below = [(first, inside), *((modules[top], tops[top]) for top in others)]
    return tuple(
        replace(
            top, modules=tuple(replace(modules[m], instances=tree[m]) for m in modules if m in tree)
        )
        for top, tree in below
    )


def _facts(root: Element, source: str) -> dict[str, Any]:
    """Facts that all modules of a report share."""
    assignments = root.find("UserAssignments") or Element("UserAssignments", root.line)
    version = plain_version(element_text(root, "ReportVersion/Version"))
    area = root.find("AreaEstimates/AvailableResources")
    return {
        "source": source,
        "stage": "hls",
        "tool": _tool(root, version),
        "version": version,
        "part": element_text(assignments, "Part"),
        "clock_target_ns": period(assignments, "TargetClockPeriod", source),
        "available": Amounts(**amounts(area, source)),
    }


def _tool(root: Element, version: str | None) -> str:
    """Name of the tool: Vitis HLS writes a flow target and DSP, Vivado HLS writes DSP48E."""
    numbers = tuple(int(n) for n in (version or "").split(".")[:2] if n.isdigit() and len(n) < 5)
    if element_text(root, "UserAssignments/FlowTarget") or numbers > LAST_VIVADO_HLS:
        return "Vitis HLS"
    old = root.find("AreaEstimates/Resources/DSP48E") is not None
    return "Vivado HLS" if old or numbers else "Vitis HLS"


def _modules(root: Element, source: str) -> dict[str, Measurement]:
    """Modules of the report by name, in the report's order."""
    facts = _facts(root, source)
    found: dict[str, Measurement] = {}
    for section in root.all("ModuleInformation"):
        for module in section.all("Module"):
            name = element_text(module, "Name")
            if name and name not in found:
                found[name] = _measured(module, source, facts, name)
    return found


def _measured(
    element: Element, source: str, facts: Mapping[str, Any], name: str | None
) -> Measurement:
    """Read the performance and area sections of a report or of one of its modules."""
    latency = element.find("PerformanceEstimates/SummaryOfOverallLatency")
    timing = element.find("PerformanceEstimates/SummaryOfTimingAnalysis")
    return Measurement(
        **facts,
        **amounts(element.find("AreaEstimates/Resources"), source),
        top=name,
        clock_estimated_ns=period(timing, "EstimatedClockPeriod", source),
        latency_cycles_max=_first_count(latency, ("Worst-caseLatency",), source),
        interval_max=_first_count(
            latency,
            ("Interval-max", "PipelineInitiationInterval", "DataflowPipelineThroughput"),
            source,
        ),
    )


def _said(found: Measurement) -> dict[str, Any]:
    """Fields that the top's own sections give; they take precedence over its entry as a module."""
    names = ("clock_estimated_ns", "latency_cycles_max", "interval_max", *RESOURCE_TAGS)
    return {name: value for name in names if (value := getattr(found, name)) is not None}


def _tops(root: Element) -> dict[str, dict[str, tuple[str, ...]]]:
    """For each top function: module -> paths of its instances."""
    tops: dict[str, dict[str, tuple[str, ...]]] = {}
    for hierarchy in root.all("RTLDesignHierarchy"):
        for top in hierarchy.all("TopModule"):
            tree: dict[str, tuple[str, ...]] = {}
            for module, path in _instances(top):
                tree[module] = (*tree.get(module, ()), path)
            tops[element_text(top, "ModuleName") or ""] = tree
    return tops


def _instances(top: Element) -> Iterator[tuple[str, str]]:
    waiting = [(top, "")]
    while waiting:
        element, path = waiting.pop()
        inside = [i for found in element.all("InstancesList") for i in found.all("Instance")]
        named = [(i, f"{path}{element_text(i, 'InstName') or '?'}") for i in inside]
        for instance, name in named:
            module = element_text(instance, "ModuleName")
            if module:
                yield module, name
        waiting.extend((instance, f"{name}/") for instance, name in reversed(named))


def element_text(element: Element, path: str) -> str | None:
    """Text at a path; None if it is absent or empty."""
    found = element.find(path)
    return (found.text or None) if found is not None else None


def period(element: Element | None, tag: str, source: str) -> float | None:
    """Period of a section under `tag`, in ns; None for 0, by which HLS means unknown."""
    found = element.find(tag) if element is not None else None
    if found is None:
        return None
    return nanoseconds(found.text, where=f"{source}:{found.line}") or None


def _first_count(element: Element | None, tags: tuple[str, ...], source: str) -> int | None:
    for tag in tags:
        found = element.find(tag) if element is not None else None
        if found is not None:
            return count(found.text, where=f"{source}:{found.line}")
    return None


def amounts(element: Element | None, source: str) -> dict[str, Any]:
    """Resources of a section, by their names in `Amounts`."""
    return {name: _first_count(element, tags, source) for name, tags in RESOURCE_TAGS.items()}
