"""Synthesis of a whole kernel with Yosys: cells by unit, and LUT levels between registers.

Units are mapped one by one and equal ones once, as a hierarchical synthesis does; nothing is placed
or routed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.children import run_program
from qnas._util.serialization import Value, digest, read_value, write_json
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.netlist import instances, levels
from qnas.accel.rtl.kernel.package import is_series7
from qnas.accel.rtl.kernel.sources import TOP, kernel_sources
from qnas.accel.rtl.synthesize import LOG_LINES, RUNNER, Counts, counted, yosys_version
from qnas.errors import CompileError, problem

# Modules that stay themselves: what lies in between melts into them.
UNITS = (
    *("control", "axi_reader", "axi_writer", "fifo", "kernel", "sequencer", "stage_table"),
    *("load_patches", "load_residual", "layer_norm", "softmax", "store_logits", "engine", "loader"),
    *("schedule", "multiplier_array", "packed_lane", "plain_lane", "drain", "requantize", "locate"),
    *("write_activations", "write_keys", "write_scores", "add_residual", "ram"),
)


@dataclass(frozen=True, slots=True)
class UnitCounts(Value):
    """Cells of all instances of a unit, without the units inside it."""

    unit: str
    instances: int
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int


@dataclass(frozen=True, slots=True)
class KernelSynthesis(Value):
    """`total` and its parts by unit; memories are units of the buffer's name. `levels`: LUTs on the
    longest path between registers, memories or DSPs, and `path`, the cells on it."""

    total: Counts
    units: tuple[UnitCounts, ...]
    levels: int
    path: tuple[str, ...]
    tools: str
    digest: str


def synthesize_kernel(plans: Sequence[HardwarePlan], *, cache: Path) -> KernelSynthesis:
    """Map the kernel of these plans to its device's cells; from `cache` where that was done before
    with equal sources and tools. Raises DependencyError without Yosys, CompileError where it
    refuses the RTL."""
    sources, tools = kernel_sources(plans), yosys_version()
    family = "xc7" if is_series7(plans[0]) else "xcup"
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sources.items()}
    key = digest([hashes, family, list(UNITS), tools], length=16)
    path = cache / f"kernel-{key}.json"
    if path.exists():
        return read_value(KernelSynthesis, path)
    netlist, paired = _mapped(sources, family)
    found = _counted(netlist, paired, tools=tools, key=key)
    write_json(path, found)
    return found


def commands(files: Sequence[str], family: str, out: Path) -> list[str]:
    """Yosys' script; the netlist goes to `netlist.json` in `out`, the counts to `cells.json`."""
    synthesis = f"synth_xilinx -family {family} -top {TOP} -flatten -noiopad -noclkbuf"
    keep = [
        f"setattr -mod -set keep_hierarchy 1 {unit} $paramod\\{unit}\\* $paramod$*\\{unit}"
        for unit in UNITS
    ]
    # Adders become chains module by module, before flattening (see accel/rtl/synthesize.py).
    first = ("proc", "opt_expr", "opt_clean", "wreduce", "alumacc")
    return [
        f"read_verilog -sv -defer {' '.join(files)}",
        f"hierarchy -top {TOP}",
        *keep,
        *first,
        synthesis,
        f"tee -q -o {out / 'cells.json'} stat -json -tech xilinx",
        f"write_json {out / 'netlist.json'}",
    ]


def _mapped(sources: Mapping[str, str], family: str) -> tuple[dict[str, Any], int]:
    with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
        work = Path(scratch)
        for name, text in sources.items():
            (work / name).write_text(text, encoding="utf-8")
        script = work / "script"
        script.write_text("\n".join(commands(list(sources), family, work)) + "\n")
        command = [sys.executable, "-c", RUNNER, str(script)]
        done = run_program(command, cwd=work)
        if done.returncode or not (work / "netlist.json").exists():
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
            rule = "must accept the kernel"
            raise CompileError(problem("yosys", rule, f"a failure:\n{tail}\n", "Mend the RTL."))
        cells = json.loads((work / "cells.json").read_text())
        netlist: dict[str, Any] = json.loads((work / "netlist.json").read_text())
        return own_modules(netlist["modules"]), int(
            cells["modules"][f"\\{TOP}"]["estimated_num_lc"]
        )


def own_modules(modules: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the kernel: the library's cells come along, marked as boxes."""
    boxes = {"blackbox", "whitebox"}
    return {
        name: module
        for name, module in modules.items()
        if not boxes & module.get("attributes", {}).keys()
    }


def _counted(modules: Mapping[str, Any], paired: int, *, tools: str, key: str) -> KernelSynthesis:
    units = []
    for unit, (count, cells) in sorted(instances(modules, TOP).items()):
        own = counted({"num_cells_by_type": cells, "estimated_num_lc": 0})
        units.append(UnitCounts(unit, count, own.lut, own.ff, own.dsp, own.bram18, own.uram))
    sums = {name: sum(getattr(u, name) for u in units) for name in ("lut", "ff", "dsp", "bram18")}
    total = Counts(lut_paired=paired, uram=sum(u.uram for u in units), **sums)
    longest, path = levels(modules, TOP)
    return KernelSynthesis(total, tuple(units), longest, path, tools, key)
