"""Folders of reports for tests, and reports that hold none of the figures that are read."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from qnas.cli.main import cli
from tests.accel.reports.texts import COSIM

HERE = Path(__file__).parent
PART = "xczu9eg-ffvb1156-2-e"
FAILED = COSIM.replace("Pass", "Fail")
LAT = '$MAX_LATENCY = "259"\n$MAX_THROUGHPUT = "262"\n'


def vivado(command: str, body: str = "Some Report\n") -> str:
    """A report that begins as all of Vivado's do."""
    return (
        "Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.\n----\n"
        "| Tool Version : Vivado v.2022.1 (lin64) Build 3526262\n"
        f"| Command      : {command} -file top.rpt -pb top.pb\n"
        f"| Design       : top\n| Device       : {PART}\n| Design State : Routed\n----\n\n{body}"
    )


# A report of clocks has a table of sites; one of power has numbers with units.
SITES = """1. Clock Primitive Utilization
------------------------------
+------------+------+-----------+
| Site Type  | Used | Available |
+------------+------+-----------+
| BUFGCE     |    1 |        88 |
+------------+------+-----------+
"""

BODIES = {"report_clock_utilization": SITES, "report_power": "| Total On-Chip Power (W) | 3.1 |\n"}

OTHERS = {
    "route status": "Design Route Status\n   # of logical nets.... : 12 :\n",
    "fail-fast report": "# ----\n# Created on Mon with report_failfast (2023.09.14)\n# ----\n",
    "design size report": "====\n== Design Size Report\n====\n\n* Total Instructions\n",
    "system diagram of a link": "====\nVersion: xcd v2023.2\n====\n\n"
    "1. Kernel and compute unit information\n======\n",
    "description of an xclbin": "====\nXCLBIN Build Version: 2.14\n====\n",
    "log": "INFO: [Vivado 12-1] something\nINFO: [Vivado 12-2] more\n",
}


def run(*paths: Path, json_too: bool = True) -> Result:
    options = ["--json"] if json_too else []
    return CliRunner().invoke(cli, ["measurements", *map(str, paths), *options])


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder
