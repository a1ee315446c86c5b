"""The measured table of whole kernels, which comes with the package (`kernels.csv`).

A row is one network of one kernel of `grid.KERNELS`. Cycles are simulated where `values` is not 0
(so many values of stages were compared with the integer reference), else computed by `cycles.py`.
Resources are those of the kernel, synthesized with Yosys, without place and route; they are None
for kernels that were not synthesized. `kernel_units.csv` holds them unit by unit.
`python tests/bench/rtl_kernels.py` makes both files.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, write_atomically
from qnas.accel.rtl.kernel.grid import KERNELS
from qnas.accel.rtl.kernel.synthesize import KernelSynthesis, UnitCounts
from qnas.accel.rtl.synthesize import Counts
from qnas.errors import CheckpointError, problem

FOLDER = Path(__file__).parents[1]
KERNELS_FILE, UNITS_FILE = FOLDER / "kernels.csv", FOLDER / "kernel_units.csv"


@dataclass(frozen=True, slots=True)
class KernelRow(Value):
    """One network of one kernel.

    Attributes:
        kernel: Name in `grid.KERNELS`.
        network: Index of the network in its kernel.
        device: Board.
        activation_bits: Bits of its activations.
        folding: Fields of the folding.
        values: Values of stages that were compared with the integer reference.
        mismatches: Values that differed.
        cycles_first: Cycles of the first pass of a call, simulated or computed.
        cycles_next: Cycles of each further pass, simulated or computed.
        cycles_rtl_model: Cycles of a further pass by `cycles.py`.
        cycles_cpp_model: Cycles of a further pass by the cost model (the kernel of the C++).
        sources: Digest of the SystemVerilog.
        lut: LUTs of the kernel, each function in one of its own.
        lut_paired: LUTs where small functions share one, as Yosys estimates.
        ff: Registers.
        dsp: DSP blocks.
        bram18: Block RAMs of 18 Kb.
        uram: UltraRAMs.
        levels: LUTs on the longest path between registers.
        tools: Name and version of the synthesizer; empty if there was none.
        synthesis: Digest of what the resources follow from (`synthesize.kernel_digest`).
    """

    kernel: str
    network: int
    device: str
    activation_bits: int
    folding: str
    values: int
    mismatches: int
    cycles_first: int
    cycles_next: int
    cycles_rtl_model: int
    cycles_cpp_model: int
    sources: str
    lut: int | None = None
    lut_paired: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None
    levels: int | None = None
    tools: str = ""
    synthesis: str = ""

    @property
    def simulated(self) -> bool:
        """Whether its cycles were counted in a simulation."""
        return self.values > 0

    @property
    def synthesized(self) -> bool:
        """Whether its resources were counted."""
        return self.lut is not None


@dataclass(frozen=True, slots=True)
class KernelUnit(Value):
    """Cells of one unit of one kernel."""

    kernel: str
    counts: UnitCounts


def read_kernels(path: Path = KERNELS_FILE) -> tuple[KernelRow, ...]:
    """Read the table of kernels.

    Raises:
        CheckpointError: The file is absent or damaged, has a network of a kernel twice, or a kernel
            that is not in `grid.KERNELS`.
    """
    rows = _read(path, _kernel_row)
    twice = [key for key, n in Counter((r.kernel, r.network) for r in rows).items() if n > 1]
    unknown = [row.kernel for row in rows if row.kernel not in KERNELS]
    for rule, found in (("must name each network of a kernel once", twice), (KNOWN, unknown)):
        if found:
            raise CheckpointError(problem(str(path), rule, found[0], REMEDY))
    return rows


def read_units(path: Path = UNITS_FILE) -> tuple[KernelUnit, ...]:
    """Read the units of the synthesized kernels; raises CheckpointError for a damaged file."""
    return _read(path, _unit_row)


def write_kernels(path: Path, rows: Iterable[KernelRow]) -> None:
    """Write rows in the order of `grid.KERNELS`, so that equal measurements make equal files."""
    order = list(KERNELS)
    keyed = sorted(rows, key=lambda row: (order.index(row.kernel), row.network))
    names = [field.name for field in fields(KernelRow)]
    _write(path, names, ([getattr(row, name) for name in names] for row in keyed))


def write_units(path: Path, found: Mapping[str, Sequence[UnitCounts]]) -> None:
    """Write the units of kernels, in the order of `grid.KERNELS`."""
    names = [field.name for field in fields(UnitCounts)]
    rows = (
        [kernel, *(getattr(unit, name) for name in names)]
        for kernel in sorted(found, key=list(KERNELS).index)
        for unit in found[kernel]
    )
    _write(path, ["kernel", *names], rows)


def with_cycles(row: KernelRow, known: KernelRow) -> KernelRow:
    """The row with the resources that are known of its kernel."""
    kept = (*(f.name for f in fields(Counts)), "levels", "tools", "synthesis")
    return replace(row, **{name: getattr(known, name) for name in kept})


def with_resources(row: KernelRow, found: KernelSynthesis) -> KernelRow:
    """The row with the resources of its kernel."""
    totals = {f.name: getattr(found.total, f.name) for f in fields(found.total)}
    return replace(row, **totals, levels=found.levels, tools=found.tools, synthesis=found.digest)


KNOWN = "must hold kernels of qnas.accel.rtl.kernel.grid alone"
REMEDY = "Make it again: `python tests/bench/rtl_kernels.py`."


def _write(path: Path, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def _read(path: Path, row: Callable[[Mapping[str, str]], Any]) -> tuple[Any, ...]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(row(record) for record in csv.DictReader(file))
    except (OSError, csv.Error, KeyError, TypeError, ValueError, AttributeError) as error:
        rule = "must be a whole table of kernels"
        raise CheckpointError(problem(str(path), rule, error, REMEDY)) from None


TEXTS = ("kernel", "device", "folding", "sources", "tools", "synthesis", "unit")


def _kernel_row(record: Mapping[str, str]) -> KernelRow:
    found = {field.name: _cell(field.name, record[field.name]) for field in fields(KernelRow)}
    required = fields(KernelRow)[:12]
    if any(found[field.name] is None for field in required):
        raise ValueError(f"a row of {record['kernel']!r} that lacks an amount")
    return KernelRow(**found)


def _unit_row(record: Mapping[str, str]) -> KernelUnit:
    found = {field.name: _cell(field.name, record[field.name]) for field in fields(UnitCounts)}
    if None in found.values():
        raise ValueError(f"a unit of {record['kernel']!r} that lacks an amount")
    return KernelUnit(record["kernel"], UnitCounts(**found))


def _cell(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    return int(text) if text else None
