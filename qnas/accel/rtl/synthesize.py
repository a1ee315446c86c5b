"""Synthesizing a block with Yosys (the pyosys package), in a process of its own: an error of Yosys
ends the process that it runs in."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from qnas._util.children import run_program
from qnas._util.serialization import Value
from qnas.accel.rtl.block import Kind, RtlBlock, folder
from qnas.errors import CompileError, DependencyError, problem

# Reads commands from a file, one a line, and runs them.
RUNNER = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for line in open(sys.argv[1]).read().splitlines():
    ys.run_pass(line, design)
"""
LOG_LINES = 15
# LUTs of a distributed memory's cells (UG474, UG574).
LUT_MEMORIES = {
    **{"RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM32X1D": 2, "RAM64X1D": 2},
    **{"RAM128X1D": 4, "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4},
    **{"RAM32X16DR8": 8, "RAM64X8SW": 8},
}
_LUT = re.compile(r"LUT[1-6]|INV|SRL(16E|C32E)")
_FF = re.compile(r"FD[RSCP]E(_1)?")
_DSP = re.compile(r"DSP48E[12]")


@dataclass(frozen=True, slots=True)
class Counts(Value):
    """Cells after synthesis. `lut`: every LUT, inverter, shift register and LUT of a memory by
    itself, an upper bound. `lut_paired`: small functions share a LUT as Yosys estimates, a lower
    one. `bram18`: halves of RAMB36."""

    lut: int
    lut_paired: int
    ff: int
    dsp: int
    bram18: int
    uram: int


def yosys_version() -> str:
    """DependencyError without pyosys."""
    try:
        return f"pyosys {version('pyosys')}"
    except PackageNotFoundError:
        remedy = "Install it: pip install 'qnas-fpga[measure]'."
        rule = "must be installed to synthesize"
        raise DependencyError(problem("pyosys", rule, "none", remedy)) from None


def synthesize(block: RtlBlock, kind: Kind) -> Counts:
    """Map the block to its family's cells and count them; CompileError where Yosys refuses it."""
    yosys_version()
    with tempfile.TemporaryDirectory() as scratch:
        script, report = Path(scratch) / "script", Path(scratch) / "cells.json"
        script.write_text("\n".join(commands(block, kind, report)) + "\n")
        command = [sys.executable, "-c", RUNNER, str(script)]
        done = run_program(command)
        if done.returncode or not report.exists():
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
            rule, remedy = "must synthesize", "Mend its RTL."
            raise CompileError(problem(block.label, rule, f"a failure:\n{tail}\n", remedy))
        return counted(json.loads(report.read_text())["design"])


def commands(block: RtlBlock, kind: Kind, report: Path) -> list[str]:
    """Yosys' script. Ports get no buffers: the block is part of a larger design."""
    files = " ".join(str(folder("sv") / name) for name in kind.sources)
    given = dict(block.parameters)
    if block.family == "xc7" and kind.series7:
        given["series7"] = 1
    chosen = "".join(f" -chparam {name.upper()} {value}" for name, value in given.items())
    return [
        f"read_verilog -sv -defer {files}",
        f"hierarchy -top {kind.top}{chosen}",
        "rename -top twin",  # the derived name is no identifier that later passes take
        # Adders become chains module by module, before flattening: else those that follow one
        # another melt into carry-save trees, two LUTs a bit.
        "proc",
        "opt_expr",
        "opt_clean",
        "wreduce",
        "alumacc",
        f"synth_xilinx -family {block.family} -top twin -flatten -noiopad -noclkbuf",
        f"tee -q -o {report} stat -json -tech xilinx",
    ]


def counted(design: Mapping[str, Any]) -> Counts:
    """Totals of Yosys' `stat -json`."""
    cells: Mapping[str, int] = design["num_cells_by_type"]

    def total(pattern: re.Pattern[str]) -> int:
        return sum(count for name, count in cells.items() if pattern.fullmatch(name))

    memories = sum(cells.get(name, 0) * luts for name, luts in LUT_MEMORIES.items())
    shifts = total(re.compile(r"SRL.*"))
    unknown = [n for n in cells if n.startswith("RAM") and n not in LUT_MEMORIES]
    unknown = [n for n in unknown if not n.startswith("RAMB")]
    if unknown:
        rule, remedy = "must be a known memory cell", "Add it to LUT_MEMORIES."
        raise CompileError(problem("cell", rule, ", ".join(unknown), remedy))
    return Counts(
        lut=total(_LUT) + memories,
        lut_paired=int(design["estimated_num_lc"]) + shifts + memories,
        ff=total(_FF),
        dsp=total(_DSP),
        bram18=sum(
            count * (2 if name.startswith("RAMB36") else 1)
            for name, count in cells.items()
            if name.startswith("RAMB")
        ),
        uram=cells.get("URAM288", 0),
    )
