"""export_impl.xml and export_syn.xml: Vivado's results for the RTL that HLS exported.

Block RAM is counted there in halves of 36 Kb, as in csynth.xml.
"""

from __future__ import annotations

from typing import Any

from qnas.accel.reports.csynth import amounts, element_text, period
from qnas.accel.reports.measurement import Amounts, FlowStage, Measurement
from qnas.accel.reports.text import plain_version
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
