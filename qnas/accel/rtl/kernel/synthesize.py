"""Synthesis of a whole kernel with Yosys: cells by unit, and LUT levels between registers.

Units are mapped one by one and equal ones once (`mapping.py`), as a hierarchical synthesis does;
nothing is placed or routed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, digest, read_value, write_json
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.mapping import (
    VERSION,
    Place,
    Unit,
    batches,
    elaborated,
    map_units,
    path_of,
    unit_of,
)
from qnas.accel.rtl.kernel.netlist import instances, levels, unit_levels
from qnas.accel.rtl.kernel.package import is_series7
from qnas.accel.rtl.kernel.sources import TOP, kernel_sources
from qnas.accel.rtl.synthesize import Counts, counted, yosys_version

# Modules that stay themselves: what lies in between melts into them.
UNITS = (
    *("control", "axi_reader", "axi_writer", "fifo", "kernel", "sequencer", "stage_table"),
    *("load_patches", "load_residual", "layer_norm", "softmax", "store_logits", "engine", "loader"),
    *("schedule", "multiplier_array", "packed_lane", "plain_lane", "drain", "requantize", "locate"),
    *("write_activations", "write_keys", "write_scores", "add_residual", "ram"),
    # Registered at their outputs, so that little is lost at their borders.
    *("statistics", "normalise", "reciprocal_sqrt", "maximum", "exponentials", "row_scale"),
    *("round_shift", "multiply_add", "square27", "sum_tree", "max_tree", "pack"),
)

# Counted as one unit, `array`: the lanes of the multiplier array, and what packs their operands.
ARRAY = {name: "array" for name in ("multiplier_array", "packed_lane", "plain_lane", "pack")}

# Called with the number of mapped units, that of all, and the names of those that are next.
Progress = Callable[[int, int, Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class UnitCounts(Value):
    """Cells of all instances of a unit, without the units inside it.

    `levels`: LUTs on the longest path inside one instance, which a path through several may exceed.
    """

    unit: str
    instances: int
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    levels: int


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


def synthesize_kernel(
    plans: Sequence[HardwarePlan],
    *,
    cache: Path,
    progress: Progress = lambda done, count, following: None,
    timeout_s: float | None = None,
) -> KernelSynthesis:
    """Map the kernel of these plans to its device's cells.

    Args:
        plans: Plans of one kernel.
        cache: Folder of what was mapped before: kernels with equal sources and tools, and units,
            which other kernels may share. A run that was cut short goes on there.
        progress: Called before each group of units.
        timeout_s: Seconds that a group of units may take.

    Raises:
        DependencyError: Yosys is missing.
        CompileError: It refuses the RTL, or takes longer than `timeout_s`.
    """
    sources, tools = kernel_sources(plans), yosys_version()
    family = _family(plans)
    key = _digest(sources, family, tools)
    path = cache / f"kernel-{key}.json"
    if path.exists():
        return read_value(KernelSynthesis, path)
    modules = elaborated(sources, UNITS, TOP, timeout_s=timeout_s)
    units = {name: unit_of(modules, name) for name in modules}
    place = Place(family, tools, cache)
    _map_all(list(units.values()), place, progress, timeout_s)
    paths = {name: path_of(unit, place) for name, unit in units.items()}
    mapped = {name: json.loads(path.read_text()) for name, path in paths.items()}
    found = _counted(assembled(modules, mapped), tools=tools, key=key)
    write_json(path, found)
    return found


def kernel_digest(plans: Sequence[HardwarePlan]) -> str:
    """Digest of everything that a kernel's synthesis follows from."""
    return _digest(kernel_sources(plans), _family(plans), yosys_version())


def _family(plans: Sequence[HardwarePlan]) -> str:
    return "xc7" if is_series7(plans[0]) else "xcup"


def _digest(sources: Mapping[str, str], family: str, tools: str) -> str:
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sources.items()}
    return digest([hashes, family, list(UNITS), tools, VERSION], length=16)


def _map_all(
    units: Sequence[Unit], place: Place, progress: Progress, timeout_s: float | None
) -> None:
    """Map the units that are not in the cache, small ones first."""
    distinct = {unit.name: unit for unit in units}
    left = [unit for unit in distinct.values() if not path_of(unit, place).exists()]
    done = len(distinct) - len(left)
    for group in batches(sorted(left, key=lambda unit: unit.cells)):
        progress(done, len(distinct), sorted({unit.label for unit in group}))
        map_units(group, place, timeout_s=timeout_s)
        done += len(group)


def assembled(modules: Mapping[str, Any], mapped: Mapping[str, Any]) -> dict[str, Any]:
    """The mapped units in the hierarchy of the elaborated kernel."""
    found = {}
    for name, module in modules.items():
        inside = {
            instance: cell["type"]
            for instance, cell in module["cells"].items()
            if cell["type"] in modules
        }
        own = mapped[name]
        cells = {
            instance: {**cell, "type": inside.get(instance, cell["type"])}
            for instance, cell in own["cells"].items()
        }
        found[name] = {"ports": own["ports"], "cells": cells, "paired": own["paired"]}
    return found


def _counted(modules: Mapping[str, Any], *, tools: str, key: str) -> KernelSynthesis:
    units = []
    paired, inside = 0, unit_levels(modules, TOP, ARRAY)
    for unit, (count, cells, pairs) in sorted(instances(modules, TOP, ARRAY).items()):
        own = counted({"num_cells_by_type": cells, "estimated_num_lc": pairs})
        paired += own.lut_paired
        amounts = (own.lut, own.ff, own.dsp, own.bram18, own.uram)
        units.append(UnitCounts(unit, count, *amounts, inside[unit]))
    sums = {name: sum(getattr(u, name) for u in units) for name in ("lut", "ff", "dsp", "bram18")}
    total = Counts(lut_paired=paired, uram=sum(u.uram for u in units), **sums)
    longest, path = levels(modules, TOP)
    return KernelSynthesis(total, tuple(units), longest, path, tools, key)
