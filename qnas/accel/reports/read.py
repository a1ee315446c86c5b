"""Recognition of a report's kind by its content, and reading of the report.

Kinds of text reports are recognised by command, title and tables, never by file name. Some kinds
are read (`READERS`). The others are known to have none of the figures of a `Measurement`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from qnas.accel.reports.cosim import is_cosim, read_cosim
from qnas.accel.reports.csynth import is_csynth, read_csynth
from qnas.accel.reports.hls_text import read_function, read_summary
from qnas.accel.reports.implementation import (
    VIVADO_ROOT,
    is_implementation,
    read_export,
    read_implementation,
    text_of_vivado_xml,
)
from qnas.accel.reports.link import read_kernel_utilization, read_system_estimate
from qnas.accel.reports.measurement import Amounts, Measurement
from qnas.accel.reports.text import HEAD_LINES, Text, WithoutFigures, head
from qnas.accel.reports.timing import is_timing, read_timing
from qnas.accel.reports.utilization import is_utilization, read_utilization
from qnas.accel.reports.xml_tree import Element, parse_xml
from qnas.errors import ReportError, problem

COMMAND = re.compile(r"report_\w+")
READ_COMMANDS = {
    "report_accelerator_utilization": "kernel utilization",
    "report_timing_summary": "timing summary",
    "report_utilization": "utilization",
}
# Vivado's commands whose reports have no latency, period or resources of the design.
COMMANDS = {
    "report_bus_skew": "bus skew report",
    "report_carry_chains": "carry chain report",
    "report_cdc": "clock domain crossing report",
    "report_clock_interaction": "clock interaction report",
    "report_clock_networks": "clock network report",
    "report_clock_utilization": "clock utilization report",
    "report_clocks": "list of clocks",
    "report_compile_order": "compile order",
    "report_config_timing": "timing configuration",
    "report_control_sets": "control set report",
    "report_datasheet": "data sheet",
    "report_debug_core": "debug core report",
    "report_design_analysis": "design analysis",
    "report_drc": "design rule check",
    "report_exceptions": "list of timing exceptions",
    "report_failfast": "fail-fast report",
    "report_high_fanout_nets": "list of nets with high fanout",
    "report_incremental_reuse": "incremental reuse report",
    "report_io": "report of pins",
    "report_ip_status": "IP status",
    "report_methodology": "methodology check",
    "report_noc_qos": "NoC report",
    "report_operating_conditions": "report of operating conditions",
    "report_phys_opt": "physical optimization report",
    "report_pipeline_analysis": "pipeline analysis",
    "report_power": "power report",
    "report_power_opt": "power optimization report",
    "report_pulse_width": "pulse width check",
    "report_qor_assessment": "QoR assessment",
    "report_qor_suggestions": "QoR suggestions",
    "report_ram_utilization": "RAM utilization report",
    "report_route_status": "route status",
    "report_ssn": "switching noise report",
    "report_timing": "report of timing paths",
    "report_transformed_primitives": "list of transformed primitives",
    "report_waivers": "list of waivers",
}
# Beginnings of lines near the top of reports that name no command.
TITLES = (
    ("== Synthesis Summary Report of", "HLS summary"),
    ("== Vitis HLS Report for", "HLS report"),
    ("== Vivado HLS Report for", "HLS report"),
    ("== Vivado Place & Route Results", "export results"),
    ("== Vivado RTL Synthesis Results", "export results"),
    ("#=== Post-", "export figures"),
    ("== Design Size Report", "design size report"),
    ("Design Route Status", "route status"),
    ("1. Kernel and compute unit information", "system diagram of a link"),
    ("xclbin Information", "description of an xclbin"),
    ("XCLBIN Build", "description of an xclbin"),
    ("== Schedule", "HLS schedule"),
    ("== Bind", "HLS binding"),
    ("== Verbose Summary", "HLS schedule"),
)
# Beginnings of logs; a log that quotes a whole report is read as that report.
LOGS = (
    *("****** Vivado", "****** Vitis", "****** v++", "INFO: [", "# Vivado v", "# Vitis v"),
    *("# Start of session", "Starting C synthesis", "=== VIVADO"),
)
TITLE_LINES = 60
# Far beyond any report. A parsed XML takes many times the memory of its file.
MAX_BYTES, MAX_XML_BYTES = 1 << 27, 1 << 26
KINDS = (
    "must be a csynth.xml, csynth.rpt, export_impl.xml, utilization report, timing summary, "
    "co-simulation report or report of v++"
)
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
UNKNOWN = "other file"


def kind_of(text: Text) -> str | None:
    """Return the kind, without an article; None for an unknown kind."""
    command = COMMAND.match(head(text).get("Command", ""))
    named = _of_command(command[0]) if command else None
    if named:
        return named
    top = [line.strip() for line in text.lines[:TITLE_LINES]]
    title = next((kind for start, kind in TITLES if any(t.startswith(start) for t in top)), None)
    if title or any("with report_failfast" in line for line in top):
        return title or "fail-fast report"
    log = "log" if any(line.startswith(LOGS) for line in top) else None
    return _of_tables(text) or log


def _of_command(command: str) -> str | None:
    return READ_COMMANDS.get(command) or COMMANDS.get(command, f"report of `{command}`")


def _of_tables(text: Text) -> str | None:
    """Kind of reports without a head."""
    top = text.lines[:HEAD_LINES]
    if any(line.startswith("Target Device:") for line in top) and any(
        line.startswith(("Area Information", "Timing Information", "Kernel Summary"))
        for line in text.lines
    ):
        return "system estimate"
    if any(re.match(r"\|\s*Name\s*\|.*\|\s*LUTAsMem\s*\|", line) for line in top):
        return "kernel utilization"
    if is_timing(text):
        return "timing summary"
    if is_utilization(text):
        return "utilization"
    if any(line.startswith(("Slack (", "Slack:")) for line in text.lines):
        return "report of timing paths"
    return "co-simulation" if is_cosim(text) else None


READERS: dict[str, Callable[[Text], Measurement | tuple[Measurement, ...]]] = {
    "utilization": read_utilization,
    "timing summary": read_timing,
    "co-simulation": read_cosim,
    "HLS summary": read_summary,
    "HLS report": read_function,
    "export results": read_export,
    "export figures": read_export,
    "kernel utilization": read_kernel_utilization,
    "system estimate": read_system_estimate,
}


def read_report(path: str | Path) -> tuple[Measurement, ...]:
    """Read the designs of one file: several if it has several top functions.

    Raises:
        ReportError: The report is cut off or damaged, or its run failed; the message names file
            and line.
        WithoutFigures: The file is of another kind.
    """
    source, data = str(path), _bytes(Path(path))
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")  # XML must begin with its declaration
    if start.startswith(b"<"):
        return _read_xml(start, source, data[: len(data) - len(start)].count(b"\n"))
    if data[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<"):
        return _read_xml(data, source, 0)
    lines = (line.rstrip() for line in _decoded(data).splitlines())
    return _read_text(Text(source, tuple(lines)))


def _read_text(text: Text) -> tuple[Measurement, ...]:
    kind = kind_of(text)
    if kind is None:
        first = next((line.strip() for line in text.lines if line.strip()), "")
        raise _without_figures(f"{text.source}:1", repr(first[:60]), UNKNOWN)
    if kind not in READERS:
        raise _without_figures(f"{text.source}:1", f"a {kind}", kind)
    found = READERS[kind](text)
    return found if isinstance(found, tuple) else (found,)


def _read_xml(data: bytes, source: str, blank_lines: int) -> tuple[Measurement, ...]:
    if len(data) > MAX_XML_BYTES:
        raise _too_long(source, MAX_XML_BYTES)
    root = parse_xml(data, source=source, first_line=1 + blank_lines)
    if root.tag == VIVADO_ROOT:
        return _read_text(text_of_vivado_xml(root, source=source))
    for element in (root, *root.children):
        if is_csynth(element):
            return _required(read_csynth(element, source=source), element)
        if is_implementation(element):
            return _required((read_implementation(element, source=source),), element)
    raise _without_figures(f"{source}:{root.line}", f"<{root.tag[:60]}>", UNKNOWN)


def _required(found: tuple[Measurement, ...], root: Element) -> tuple[Measurement, ...]:
    """Return `found`, unless all fields are empty, which means that no run has finished."""
    if not any(_says_something(m) for top in found for m in (top, *top.modules)):
        where, rule = f"{found[0].source}:{root.line}", "must hold a latency, a clock or a resource"
        remedy = "Give the report of a run that went through."
        raise ReportError(problem(where, rule, "none of them", remedy))
    return found


def _says_something(m: Measurement) -> bool:
    numbers = (m.latency_cycles_max, m.interval_max, m.clock_estimated_ns)
    return any(n is not None for n in numbers) or m.amounts != Amounts()


def _bytes(path: Path) -> bytes:
    try:
        # Non-blocking, since opening a FIFO or a device may wait forever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(0, "no plain file")
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        rule, remedy = "must be a readable file", "Check the path."
        raise ReportError(problem(str(path), rule, reason, remedy)) from None
    if len(data) > MAX_BYTES:
        raise _too_long(str(path), MAX_BYTES)
    if not data.strip():
        raise ReportError(problem(f"{path}:1", KINDS, "an empty file", "Run the tool again."))
    return data


def _too_long(source: str, most: int) -> ReportError:
    got = f"more than {most:,} bytes"
    return ReportError(problem(f"{source}:1", KINDS, got, "Name the report."))


def _decoded(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with its mark, or else bytes as Latin-1: digits are the same in all."""
    encoding = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _without_figures(where: str, got: str, kind: str) -> WithoutFigures:
    return WithoutFigures(problem(where, KINDS, got, "Check the path."), kind=kind)
