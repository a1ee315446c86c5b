"""`qnas measure --kernel`: whole kernels through Yosys, by unit, beside their estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import note, result, settings

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.accel.cost.estimate import Resources
    from qnas.accel.cost.rtl_kernel import UnitEstimate
    from qnas.accel.rtl.kernel.synthesize import KernelSynthesis

COUNTED = ("lut", "ff", "dsp", "bram18", "uram")


def measure_kernels(paths: Sequence[Path], cache: Path, *, timeout_s: float | None) -> None:
    """Synthesize the kernel of each plan and print its resources by unit."""
    from qnas._util.serialization import encode
    from qnas.accel.cost.analytic import estimate
    from qnas.accel.cost.rtl_kernel import estimate_kernel
    from qnas.accel.plan.multi_network import read_plans
    from qnas.accel.rtl.kernel.synthesize import synthesize_kernel

    def progress(done: int, count: int, following: Sequence[str]) -> None:
        note(f"{done} of {count} units mapped; next: {', '.join(following)}")

    documents = []
    for path in paths:
        plans = read_plans(path / "plan.json" if path.is_dir() else path)
        found = synthesize_kernel(plans, cache=cache, progress=progress, timeout_s=timeout_s)
        units, of_cpp = estimate_kernel(plans), estimate(*plans).resources
        documents.append(
            {
                "kernel": str(path),
                "estimated": [encode(unit) for unit in units],
                "modelled": encode(of_cpp),
                **encode(found),
            }
        )
        if not settings().json:
            _show(str(path), found, units, of_cpp)
    result(lambda: documents, lambda: None)


def _show(
    name: str, found: KernelSynthesis, units: Sequence[UnitEstimate], of_cpp: Resources
) -> None:
    from qnas.cli.console import show_tables

    show_tables(kernel_table(name, found, units))
    amounts = ", ".join(f"{getattr(of_cpp, c):,} {c.upper()}" for c in COUNTED)
    click.echo(f"The cost model's estimate of the kernel in C++: {amounts}")
    click.echo(f"Longest path between registers: {found.levels} LUTs, through")
    for cell in found.path:
        click.echo(f"  {cell}")


def kernel_table(name: str, found: KernelSynthesis, modelled: Sequence[UnitEstimate]) -> Table:
    """The table with one row per unit, the largest first, then the sum; estimates in brackets."""
    from rich.markup import escape
    from rich.table import Table

    from qnas.accel.cost.rtl_kernel import kernel_total

    title = escape(f"{name}: counted ({found.tools}, not placed) and [estimated]")
    table = Table(title=title, title_justify="left")
    table.add_column("unit")
    for column in ("instances", *(c.upper() for c in COUNTED), "levels"):
        table.add_column(column, justify="right")
    estimates = {unit.unit: unit for unit in modelled}
    units = sorted(found.units, key=lambda unit: (-unit.lut, -unit.dsp, unit.unit))
    for index, unit in enumerate(units):
        guess = estimates.get(unit.unit)
        cells = [_cell(getattr(unit, c), getattr(guess, c) if guess else 0) for c in COUNTED]
        row = (unit.unit, f"{unit.instances:,}", *cells, str(unit.levels))
        table.add_row(*row, end_section=index == len(units) - 1)
    total = kernel_total(modelled)
    cells = [_cell(getattr(found.total, c), getattr(total, c)) for c in COUNTED]
    table.add_row("all", "", *cells, str(found.levels))
    return table


def _cell(counted: int, estimated: int) -> str:
    return f"{counted:,} \\[{estimated:,}]" if counted or estimated else ""
