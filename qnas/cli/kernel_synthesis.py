"""`qnas measure --kernel`: whole kernels through Yosys, by unit, beside their estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import result, settings

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.accel.cost.estimate import Resources
    from qnas.accel.rtl.kernel.synthesize import KernelSynthesis

COUNTED = ("lut", "ff", "dsp", "bram18", "uram")


def measure_kernels(paths: Sequence[Path], cache: Path) -> None:
    """Synthesize the kernel of each plan and print its resources by unit."""
    from qnas._util.serialization import encode
    from qnas.accel.cost.analytic import estimate
    from qnas.accel.plan.multi_network import read_plans
    from qnas.accel.rtl.kernel.synthesize import synthesize_kernel

    documents = []
    for path in paths:
        plans = read_plans(path / "plan.json" if path.is_dir() else path)
        found, modelled = synthesize_kernel(plans, cache=cache), estimate(*plans).resources
        documents.append({"kernel": str(path), "modelled": modelled, **encode(found)})
        if not settings().json:
            _show(str(path), found, modelled)
    result(lambda: documents, lambda: None)


def _show(name: str, found: KernelSynthesis, modelled: Resources) -> None:
    from qnas.cli.console import printer

    printer().print(kernel_table(name, found, modelled))
    click.echo(f"Longest path between registers: {found.levels} LUTs, through")
    for cell in found.path:
        click.echo(f"  {cell}")


def kernel_table(name: str, found: KernelSynthesis, modelled: Resources) -> Table:
    """The table with one row per unit, the largest first, then the sum and the cost model's
    estimate."""
    from rich.table import Table

    table = Table(title=f"{name} ({found.tools}, not placed)", title_justify="left")
    table.add_column("unit")
    for column in ("instances", *(c.upper() for c in COUNTED)):
        table.add_column(column, justify="right")
    units = sorted(found.units, key=lambda unit: (-unit.lut, -unit.dsp, unit.unit))
    for index, unit in enumerate(units):
        cells = (f"{getattr(unit, c):,}" for c in ("instances", *COUNTED))
        table.add_row(unit.unit, *cells, end_section=index == len(units) - 1)
    for label, counts in (("all", found.total), ("modelled", modelled)):
        table.add_row(label, "", *(f"{getattr(counts, c):,}" for c in COUNTED))
    return table
