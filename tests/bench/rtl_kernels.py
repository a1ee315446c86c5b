"""Kernels as RTL: cycles beside modelled ones, resources beside estimated ones.

    python tests/bench/rtl_kernels.py [OUT.csv] [--only NAME ...] [--first N] [--check]
                                      [--compute | --every]
    python tests/bench/rtl_kernels.py --synthesize [--only NAME ...] [--timeout S]
    python tests/bench/rtl_kernels.py --json OUT

Two passes of images run through each kernel of random weights in Verilator, every stage compared
with the integer reference. A row holds the cycles of a call's first pass and of the next one, what
`accel/rtl/kernel/cycles.py` says of the latter (RTL) and what the cost model says (C++, whose
pipelines are deeper). Kernels that are not `simulated` have computed cycles alone, but with
--every (minutes for a DeiT). --synthesize maps kernels with Yosys instead, and adds their
resources; what it has mapped it keeps (--cache).

Rows that are there, of the same sources, are not made again; with --check they are, and their
figures must be as they are in the file. The page `docs/benchmarks/rtl_kernels.md` is written from
the shipped table.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from qnas._util.serialization import digest, write_atomically
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.estimate import Resources
from qnas.accel.cost.rtl_kernel import estimate_kernel, kernel_total
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.grid import KERNELS
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.accel.rtl.kernel.sources import kernel_sources
from qnas.accel.rtl.kernel.synthesize import UnitCounts, kernel_digest, synthesize_kernel
from qnas.accel.rtl.kernel.table import (
    KERNELS_FILE,
    UNITS_FILE,
    KernelRow,
    read_kernels,
    read_units,
    with_cycles,
    with_resources,
    write_kernels,
    write_units,
)
from qnas.errors import CompileError
from qnas.testing.random_network import random_network

PAGE = Path(__file__).resolve().parents[2] / "docs/benchmarks/rtl_kernels.md"
PASSES = 2
# The rules of the estimate were written from units of kernels whose names begin so.
WRITTEN_FROM = ("digits", "small28", "DeiT")
MOST_LEVELS = 7  # kernels of more are named, and PLAN.md says why
GROUPS = {
    "multiplier array": ("array",),
    "arithmetic beside it": (
        *("multiply_add", "round_shift", "sum_tree", "max_tree", "requantize", "square27"),
        *("reciprocal_sqrt", "row_scale", "statistics", "normalise", "maximum", "exponentials"),
    ),
    "multiplexers, addresses, write ports": (
        *("drain", "loader", "locate", "add_residual", "kernel"),
        *("write_activations", "write_keys", "write_scores"),
    ),
    "control of stages": (
        *("sequencer", "stage_table", "schedule", "engine", "layer_norm", "softmax"),
        *("load_patches", "load_residual", "store_logits"),
    ),
    "ports, registers, queues": ("axi_reader", "axi_writer", "control", "qnas_top", "fifo"),
}


def rows_of(name: str, *, simulated: bool) -> list[KernelRow]:
    """Simulate a kernel, or compute its cycles: a row a network."""
    kernel = KERNELS[name]
    arch, f = kernel.archs[0], kernel.folding
    plans = kernel.plans()
    rows = [
        KernelRow(
            kernel=name,
            network=index,
            device=kernel.device,
            activation_bits=arch.activation_bits,
            folding=" ".join(f"{x.name}={getattr(f, x.name)}" for x in fields(f)),
            values=0,
            mismatches=0,
            cycles_first=cycles_of_first_pass(plan),
            cycles_next=cycles_of_pass(plan),
            cycles_rtl_model=cycles_of_pass(plan),
            cycles_cpp_model=estimate(plan).cycles,
            sources=sources_of(name),
        )
        for index, plan in enumerate(plans)
    ]
    if not simulated:
        return rows
    members = [
        KernelNetwork(random_network(one, index), plan, f"net{index}")
        for index, (one, plan) in enumerate(zip(kernel.archs, plans, strict=True))
    ]
    shape = (PASSES * f.batch, arch.in_channels, arch.image_size, arch.image_size)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return [
        replace(
            row,
            values=one.values,
            mismatches=one.mismatches,
            cycles_first=one.cycles_first,
            cycles_next=round(one.cycles_next),
        )
        for row, one in zip(rows, simulate_kernel(members, images), strict=True)
    ]


def sources_of(name: str) -> str:
    """Digest of what a kernel is built of."""
    return digest(kernel_sources(KERNELS[name].plans()), length=16)


def estimated(name: str) -> Resources:
    """The structural estimate of a kernel as RTL."""
    return kernel_total(estimate_kernel(KERNELS[name].plans()))


def figures(row: KernelRow) -> KernelRow:
    """A row but for what it was built of, and with what."""
    return replace(row, sources="", tools="", synthesis="")


def errors(rows: Sequence[KernelRow], resource: str) -> list[float]:
    """Relative errors of the estimates of the synthesized kernels."""
    return [
        getattr(estimated(row.kernel), resource) / max(1, getattr(row, resource)) - 1
        for row in rows
        if row.synthesized and row.network == 0
    ]


def page(rows: Sequence[KernelRow], units: dict[str, list[UnitCounts]]) -> str:
    """The table for people."""
    simulated = [row for row in rows if row.simulated]
    exact = sum(row.cycles_next == row.cycles_rtl_model for row in simulated)
    values, wrong = sum(row.values for row in rows), sum(row.mismatches for row in rows)
    kernels = len({row.kernel for row in rows})
    lines = [
        "# Kernels as RTL",
        "",
        f"{kernels} kernels, from 8 x 8 digits to DeiT-S. Made by `python"
        " tests/bench/rtl_kernels.py`",
        "from `qnas/accel/rtl/kernels.csv` and `kernel_units.csv`, which come with the package.",
        "",
        "## Cycles",
        "",
        "Two passes through each kernel in Verilator, in one call, from a memory that answers",
        "after 64 clocks and then brings a word a clock; or, where the table says so, computed by",
        "`accel/rtl/kernel/cycles.py` (PLAN.md, section 10) and not simulated. A pass has one",
        "image, but for the kernels whose name says of how many.",
        "",
        f"- Values compared with the integer reference: {values:,}, of which {wrong} differ.",
        f"- Simulated and computed cycles are equal in {exact} of {len(simulated)} networks.",
        "- The cost model is that of the C++, whose pipelines are deeper: last column.",
        "",
        "| kernel | bits | board | | first pass | further pass | C++, modelled | more |",
        "|---|---|---|---|---|---|---|---|",
        *(_cycles_line(row) for row in rows),
        "",
        "## Resources",
        "",
        *_resources(rows),
        "",
        "## Units",
        "",
        *_units(units),
    ]
    return "\n".join(lines) + "\n"


def _cycles_line(row: KernelRow) -> str:
    more = row.cycles_cpp_model / row.cycles_next - 1
    name = row.kernel if row.network == 0 else f"{row.kernel}: network {row.network}"
    by = "simulated" if row.simulated else "computed"
    cycles = f"{by} | {row.cycles_first:,} | {row.cycles_next:,} | {row.cycles_cpp_model:,}"
    return f"| {name} | {row.activation_bits} | {row.device} | {cycles} | {more:+.1%} |"


def _resources(rows: Sequence[KernelRow]) -> list[str]:
    there = [row for row in rows if row.synthesized and row.network == 0]
    missing = sorted({row.kernel for row in rows} - {row.kernel for row in there})
    tools = ", ".join(sorted({row.tools for row in there}))
    lines = [
        f"Whole kernels mapped by Yosys ({tools}), not placed or routed, beside the structural",
        "estimate of `accel/cost/rtl_kernel.py`. LUT counts every function by itself. The",
        "rules of the estimate were written from the SystemVerilog and the units of kernels",
        f"whose names begin with {', '.join(f'`{name}`' for name in WRITTEN_FROM)}; none was",
        "written from the others.",
        "",
        "| kernel | LUT | estimate | | FF | estimate | | DSP | BRAM18 | levels |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in there:
        model = estimated(row.kernel)
        cells = []
        for name in ("lut", "ff"):
            amount, guess = getattr(row, name), getattr(model, name)
            cells.append(f"{amount:,} | {guess:,} | {guess / amount - 1:+.1%}")
        counted = []
        for name in ("dsp", "bram18"):
            amount, guess = getattr(row, name), getattr(model, name)
            counted.append(f"{amount}" if amount == guess else f"{amount} (estimate {guess})")
        lines.append(f"| {row.kernel} | {' | '.join([*cells, *counted, str(row.levels)])} |")
    unseen = [row for row in there if not row.kernel.startswith(WRITTEN_FROM)]
    for name, some in ((f"all {len(there)}", there), (f"the {len(unseen)} others", unseen)):
        if some:
            lut, ff = (np.abs(errors(some, resource)) for resource in ("lut", "ff"))
            means = f"LUT {lut.mean():.1%} (at most {lut.max():.1%}), FF {ff.mean():.1%}"
            lines += ["", f"Mean error of {name}: {means} ({ff.max():.1%})."]
    deep = [row.kernel for row in there if (row.levels or 0) > MOST_LEVELS]
    if deep:
        lines += ["", f"More than {MOST_LEVELS} LUTs between registers: {'; '.join(deep)}."]
        lines += ["PLAN.md (section 10, paths) says on which path."]
    if missing:
        lines += ["", f"Not synthesized ({len(missing)}): {'; '.join(missing)}."]
        lines += ["`--synthesize` adds them. A kernel takes Yosys one to three minutes of a"]
        lines += ["processor, one that shares the units of another less."]
    return lines


def _units(units: dict[str, list[UnitCounts]]) -> list[str]:
    """Estimate and count of each unit, of all synthesized kernels together."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for name, found in units.items():
        for unit in found:
            sums[unit.unit][0] += unit.lut
            sums[unit.unit][2] += unit.ff
        for guess in estimate_kernel(KERNELS[name].plans()):
            sums[guess.unit][1] += guess.lut
            sums[guess.unit][3] += guess.ff
    lines = [
        f"The same by group of units and unit by unit, added up over {len(units)} synthesized",
        "kernels. The blocks of `qnas measure` are the first two groups; the other groups are what",
        "lies between them.",
        "",
        "| group | LUT | estimate | FF | estimate |",
        "|---|---|---|---|---|",
        *_groups(sums),
        "",
        "| unit | LUT | estimate | FF | estimate |",
        "|---|---|---|---|---|",
    ]
    for name, cells in sorted(sums.items(), key=lambda item: (-item[1][0], item[0])):
        lines.append(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
    return lines


def _groups(sums: Mapping[str, Sequence[int]]) -> list[str]:
    group_of = {unit: group for group, units in GROUPS.items() for unit in units}
    found: dict[str, list[int]] = {name: [0, 0, 0, 0] for name in (*GROUPS, "memories")}
    for unit, cells in sums.items():
        group = "memories" if unit.startswith("memory ") else group_of[unit]
        found[group] = [a + b for a, b in zip(found[group], cells, strict=True)]
    return [
        f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |" for name, cells in found.items()
    ]


def synthesize(
    name: str, *, cache: Path, timeout_s: float | None
) -> tuple[list[KernelRow], list[UnitCounts]]:
    """The rows of a kernel with its resources, and its units."""

    def progress(done: int, count: int, following: Sequence[str]) -> None:
        print(f"  {name}: {done} of {count} units mapped; next {', '.join(following)}", flush=True)

    plans = KERNELS[name].plans()
    found = synthesize_kernel(plans, cache=cache, progress=progress, timeout_s=timeout_s)
    rows = [row for row in read_kernels() if row.kernel == name]
    return [with_resources(row, found) for row in rows], list(found.units)


def units_by_kernel() -> dict[str, list[UnitCounts]]:
    """The shipped units of each kernel."""
    units: dict[str, list[UnitCounts]] = defaultdict(list)
    if UNITS_FILE.exists():
        for unit in read_units():
            units[unit.kernel].append(unit.counts)
    return dict(units)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=KERNELS_FILE)
    parser.add_argument("--only", nargs="*", choices=sorted(KERNELS), default=list(KERNELS))
    parser.add_argument("--first", type=int, default=len(KERNELS), help="so many of them")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--compute", action="store_true", help="compute cycles, simulate nothing")
    parser.add_argument("--every", action="store_true", help="simulate large kernels too")
    parser.add_argument("--synthesize", action="store_true")
    parser.add_argument("--timeout", type=float, help="seconds a group of units may take")
    parser.add_argument("--cache", type=Path, default=Path("runs/measured"))
    parser.add_argument("--json", type=Path, help="write the rows here, and no table")
    options = parser.parse_args()
    names = options.only[: options.first]
    if options.synthesize:
        faults = _synthesize_all(names, options)
    else:
        faults = _simulate_all(names, options)
    if not options.json and not options.check and options.out == KERNELS_FILE:
        write_atomically(PAGE, page(read_kernels(), units_by_kernel()))
    return 1 if faults else 0


def _synthesize_all(names: Sequence[str], options: argparse.Namespace) -> int:
    faults = 0
    for name in names:
        there = [row for row in read_kernels() if row.kernel == name]
        fresh = there and there[0].synthesis == kernel_digest(KERNELS[name].plans())
        if fresh and not options.check:
            continue
        try:
            made, found = synthesize(name, cache=options.cache, timeout_s=options.timeout)
        except CompileError as error:
            print(f"{name}: {error}", flush=True)
            faults += 1
            continue
        print(f"{name}: {made[0].lut} LUT, {made[0].ff} FF, {made[0].levels} levels", flush=True)
        if options.check:
            faults += list(map(figures, made)) != list(map(figures, there))
            continue
        # Read again: another run may have written meanwhile.
        others = [row for row in read_kernels() if row.kernel != name]
        write_kernels(options.out, [*others, *made])
        write_units(UNITS_FILE, units_by_kernel() | {name: found})
    return faults


def _simulate_all(names: Sequence[str], options: argparse.Namespace) -> int:
    known = [] if options.json or not options.out.exists() else list(read_kernels(options.out))
    faults = 0
    for name in names:
        there = [row for row in known if row.kernel == name]
        known_one = there and there[0].sources == sources_of(name)
        simulates = (KERNELS[name].simulated or options.every) and not options.compute
        if not options.check and known_one and there and (there[0].simulated or not simulates):
            continue
        made = rows_of(name, simulated=simulates)
        if len(there) == len(made):
            made = [with_cycles(row, old) for row, old in zip(made, there, strict=True)]
        for row in made:
            print(f"{name}: {row.cycles_next} cycles, model {row.cycles_rtl_model}", flush=True)
        faults += sum(row.mismatches > 0 or row.cycles_next != row.cycles_rtl_model for row in made)
        if options.check:
            same = ("values", "mismatches", "cycles_first", "cycles_next")
            faults += [[getattr(r, n) for n in same] for r in made] != [
                [getattr(r, n) for n in same] for r in there
            ]
            continue
        if options.json or not options.out.exists():
            known = [*(row for row in known if row.kernel != name), *made]
        else:  # read again: another run may have written meanwhile
            known = [*(row for row in read_kernels(options.out) if row.kernel != name), *made]
        if not options.json:
            write_kernels(options.out, known)
    if options.json:
        rows = [{f.name: getattr(row, f.name) for f in fields(row)} for row in known]
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return faults


if __name__ == "__main__":
    sys.exit(main())
