"""Mapping of a kernel's units to cells, each distinct one once.

Yosys elaborates the whole kernel, down to adders, registers and memories (`elaborated`). Every unit
is then written without the names and numbers that differ from kernel to kernel (`canonical`), and
mapped by itself; what a unit contains of other units stays a box. A mapped unit is remembered under
the digest of that text, so kernels that share units share the work, and a run that was cut short
goes on with the units that are left.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.children import run_program
from qnas._util.serialization import digest, write_atomically
from qnas.accel.rtl.kernel.netlist import base_name
from qnas.accel.rtl.synthesize import LOG_LINES, RUNNER
from qnas.errors import CompileError, problem

Json = dict[str, Any]
VERSION = 1  # of what is kept of units and kernels
BATCH_CELLS = 600  # of the elaborated netlist, mapped by one process


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit to map: its text, whose digest is its name, and the elaborated modules that equal it.

    Attributes:
        name: Name of the module in `text`.
        text: The module as Yosys' JSON, boxes of the units inside it included.
        label: The unit's name in the SystemVerilog.
        cells: Number of its elaborated cells.
    """

    name: str
    text: str
    label: str
    cells: int


@dataclass(frozen=True, slots=True)
class Place:
    """What units are mapped to and with, and the folder that keeps them."""

    family: str
    tools: str
    cache: Path


def elaborated(
    sources: Mapping[str, str], units: Sequence[str], top: str, *, timeout_s: float | None
) -> Json:
    """Elaborate the kernel; what lies between `units` is melted into them. Returns its modules."""
    keep = [
        f"setattr -mod -set keep_hierarchy 1 {unit} $paramod\\{unit}\\* $paramod$*\\{unit}"
        for unit in units
    ]
    script = [
        f"read_verilog -sv -defer {' '.join(sources)}",
        f"hierarchy -top {top}",
        *keep,
        # Adders become chains module by module, before flattening (see accel/rtl/synthesize.py).
        *("proc", "opt_expr", "opt_clean", "wreduce", "alumacc"),
        *("flatten", "opt_expr", "opt_clean"),
        "write_json out.json",
    ]
    modules: Json = _yosys(script, sources, "out.json", "the kernel", timeout_s)["modules"]
    return modules


def unit_of(modules: Mapping[str, Any], name: str) -> Unit:
    """The unit of an elaborated module."""
    module = modules[name]
    text, boxes = canonical(module, modules)
    key = f"unit_{digest([text, boxes], length=16)}"
    whole = {"creator": "qnas", "modules": {key: text, **boxes}}
    return Unit(key, json.dumps(whole), base_name(name), len(module["cells"]))


def canonical(module: Mapping[str, Any], modules: Mapping[str, Any]) -> tuple[Json, Json]:
    """A module without names and numbers that depend on what else the kernel holds.

    Returns:
        The module, and the boxes of the units inside it. Instances of units keep their names.
    """
    numbers: dict[int, int] = {}

    def bits(found: Iterable[int | str]) -> list[int | str]:
        # Numbers 0 and 1 are taken in Yosys' JSON.
        return [b if isinstance(b, str) else numbers.setdefault(b, len(numbers) + 2) for b in found]

    ports = {name: {**port, "bits": bits(port["bits"])} for name, port in module["ports"].items()}
    memories = {name: f"m{index}" for index, name in enumerate(module.get("memories", {}))}
    cells: Json = {}
    boxes: Json = {}
    for index, (name, cell) in enumerate(module["cells"].items()):
        kind, inside = cell["type"], cell["type"] in modules
        if inside:
            kind, box = box_of(modules[kind])
            boxes[kind] = box
        cells[name if inside else f"c{index}"] = {
            "hide_name": int(not inside),
            "type": kind,
            "parameters": _parameters(cell["parameters"], memories),
            "attributes": {},
            "port_directions": cell.get("port_directions", {}),  # none of a cell of the device
            "connections": {port: bits(nets) for port, nets in cell["connections"].items()},
        }
    names: Json = {}
    for index, net in enumerate(module["netnames"].values()):
        if "init" in net["attributes"]:
            init = {"init": net["attributes"]["init"]}
            names[f"n{index}"] = {"hide_name": 1, "bits": bits(net["bits"]), "attributes": init}
    kept = {
        memories[name]: {**memory, "attributes": _without_source(memory["attributes"])}
        for name, memory in module.get("memories", {}).items()
    }
    parts = {"ports": ports, "cells": cells, "netnames": names, "memories": kept}
    return {"attributes": {}, **parts}, boxes


def _without_source(attributes: Mapping[str, str]) -> Json:
    return {name: value for name, value in attributes.items() if name != "src"}


def box_of(module: Mapping[str, Any]) -> tuple[str, Json]:
    """The name and the outside of a unit inside another one; equal ports make equal names."""
    ports: Json = {}
    count = 2
    for name, port in module["ports"].items():
        width = len(port["bits"])
        ports[name] = {
            "direction": port["direction"],
            "bits": list(range(count, count + width)),
        }
        count += width
    box = {"attributes": {"blackbox": f"{1:032b}"}, "ports": ports, "cells": {}, "netnames": {}}
    return f"box_{digest(ports, length=16)}", box


def _parameters(given: Mapping[str, str], memories: Mapping[str, str]) -> Json:
    """Those of a cell; the name of its memory is one of the names that differ."""
    name = given.get("MEMID", "").removeprefix("\\")
    return {**given, "MEMID": f"\\{memories[name]}"} if "MEMID" in given else dict(given)


def batches(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Groups of units that one process maps, of BATCH_CELLS cells where that can be."""
    group: list[Unit] = []
    for unit in units:
        if group and sum(u.cells for u in group) + unit.cells > BATCH_CELLS:
            yield group
            group = []
        group.append(unit)
    if group:
        yield group


def map_units(units: Sequence[Unit], place: Place, *, timeout_s: float | None) -> None:
    """Map units to the family's cells, and keep each at its `path_of`."""
    whole: Json = {"creator": "qnas", "modules": {}}
    for unit in units:
        whole["modules"].update(json.loads(unit.text)["modules"])
    whole["modules"]["all_units"] = _all_of(units, whole["modules"])
    sources = {"in.json": json.dumps(whole)}
    script = [
        "read_json in.json",
        f"synth_xilinx -family {place.family} -top all_units -flatten -noiopad -noclkbuf",
        "tee -q -o cells.json stat -json -tech xilinx",
        "write_json out.json",
    ]
    labels = ", ".join(sorted({unit.label for unit in units}))
    found = _yosys(script, sources, "out.json", labels, timeout_s, also="cells.json")
    for unit in units:
        module = found["modules"][unit.name]
        cells = {
            name: {key: cell[key] for key in ("type", "connections", "port_directions")}
            for name, cell in module["cells"].items()
        }
        paired = int(found["also"]["modules"][f"\\{unit.name}"]["estimated_num_lc"])
        kept = {"ports": module["ports"], "cells": cells, "paired": paired}
        write_atomically(path_of(unit, place), json.dumps(kept))


def path_of(unit: Unit, place: Place) -> Path:
    """Where a mapped unit is kept."""
    key = digest([unit.name, place.family, place.tools, VERSION], length=16)
    return place.cache / f"{key}.unit.json"


def _all_of(units: Sequence[Unit], modules: Mapping[str, Any]) -> Json:
    """A module of one instance of each unit; nothing of it is optimised, as units are kept."""
    cells: Json = {}
    count = 2
    for unit in units:
        ports = modules[unit.name]["ports"]
        modules[unit.name]["attributes"] = {"keep_hierarchy": f"{1:032b}", "keep": f"{1:032b}"}
        nets = {}
        for name, port in ports.items():
            nets[name] = list(range(count, count + len(port["bits"])))
            count += len(port["bits"])
        cells[unit.name] = {
            "hide_name": 0,
            "type": unit.name,
            "parameters": {},
            "attributes": {"keep": f"{1:032b}"},
            "port_directions": {name: port["direction"] for name, port in ports.items()},
            "connections": nets,
        }
    return {"attributes": {"top": f"{1:032b}"}, "ports": {}, "cells": cells, "netnames": {}}


def _yosys(
    script: Sequence[str],
    sources: Mapping[str, str],
    out: str,
    subject: str,
    timeout_s: float | None,
    *,
    also: str | None = None,
) -> Json:
    """Run a script beside `sources` in a process of its own; what it wrote to `out` as JSON, and
    `also` under that key."""
    with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
        work = Path(scratch)
        for name, text in sources.items():
            (work / name).write_text(text, encoding="utf-8")
        (work / "script").write_text("\n".join(script) + "\n")
        command = [sys.executable, "-c", RUNNER, "script"]
        try:
            done = run_program(command, cwd=work, timeout_s=timeout_s)
        except subprocess.TimeoutExpired:
            rule, remedy = f"must be mapped within {timeout_s:g} s", "Allow more: --timeout."
            raise CompileError(problem(subject, rule, "longer", remedy)) from None
        if done.returncode or not (work / out).exists():
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
            rule = f"must accept {subject}"
            raise CompileError(problem("yosys", rule, f"a failure:\n{tail}\n", "Mend the RTL."))
        found: Json = json.loads((work / out).read_text())
        if also is not None:
            found["also"] = json.loads((work / also).read_text())
        return found
