"""`qnas measurements`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from qnas.accel.reports.measurement import Measurement

TITLES = {
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "bram18": "BRAM18",
    "uram": "URAM",
    "latency_cycles_max": "latency",
    "interval_max": "interval",
    "clock_target_ns": "target ns",
    "clock_estimated_ns": "reached ns",
}


@click.command("measurements")
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a design.")
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Print what reports of synthesis, implementation and co-simulation say.

    FILE is a csynth.xml or export_impl.xml, a report of report_utilization or
    report_timing_summary, a co-simulation report, or a folder with such files. What a report does
    not say, or calls undefined, is null.
    """
    import json

    from qnas.accel.reports import read_reports

    found = read_reports(files)
    if as_json:
        click.echo(json.dumps([m.listed() for m in found], indent=2, allow_nan=False))
        return
    from qnas.cli.console import printer

    printer(columns=200).print(measurement_table(found))


def measurement_table(found: Iterable[Measurement]) -> Table:
    """A row a design, its modules below it."""
    from rich.table import Table

    table = Table(title="Measurements", title_justify="left")
    for title in ("design", "stage", "tool", "part"):
        table.add_column(title, overflow="fold")
    for title in TITLES.values():
        table.add_column(title, justify="right")
    for top in found:
        _add(table, top, indent="")
        for module in top.modules:
            _add(table, module, indent="  ")
        table.add_section()
    return table


def _add(table: Table, found: Measurement, *, indent: str) -> None:
    from rich.markup import escape

    name = escape(found.top or found.source)
    tool = f"{found.tool} {found.version or ''}".strip()
    head = (found.stage, tool, found.part or "-") if not indent else ("", "", "")
    cells = [_cell(getattr(found, field)) for field in TITLES]
    table.add_row(f"{indent}{name}", *map(escape, head), *cells)


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
