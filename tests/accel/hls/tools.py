"""The emitted scripts, run by tclsh against stubs of Vitis HLS and Vivado (tcl/*.tcl)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

STUBS = Path(__file__).parent / "tcl"
TOOL_OF = {"build.tcl": "vitis_hls", "vivado.tcl": "vivado"}
needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")


@dataclass(frozen=True)
class Outcome:
    """How a script ended, what it printed, and its calls of the tool, in order: a Tcl list each, of
    the command, its options and its arguments."""

    status: int
    printed: str
    calls: tuple[str, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(call.split()[0] for call in self.calls)


def run_script(project: Path, script: str, **environment: str) -> Outcome:
    journal = project / "journal"
    journal.unlink(missing_ok=True)
    kernel = re.findall(r"m_axi .*bundle=(gmem\d+)", (project / "src/qnas_top.cpp").read_text())
    variables = {
        "PATH": os.environ["PATH"],
        "JOURNAL": str(journal),
        "KERNEL": " ".join(["s_axi_control", *(f"m_axi_{name}" for name in kernel)]),
        "XILINX_HLS": "/tools/Xilinx/Vitis_HLS/2023.1",
    }
    stub = STUBS / f"{TOOL_OF[script]}.tcl"
    done = subprocess.run(
        ["tclsh", STUBS / "run.tcl", stub, project / script],
        env={**variables, **environment},
        capture_output=True,
        text=True,
    )
    calls = tuple(journal.read_text().splitlines())
    return Outcome(done.returncode, done.stdout + done.stderr, calls)
