"""Kinds of text reports, recognised by command, title and tables, never by file name.

Some kinds are read (`READERS` in `read`). The others are known to have none of the figures of a
`Measurement`.
"""

from __future__ import annotations

import re

from qnas.accel.reports.cosim import is_cosim
from qnas.accel.reports.text import HEAD_LINES, Text, head
from qnas.accel.reports.timing import is_timing
from qnas.accel.reports.utilization import is_utilization

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
