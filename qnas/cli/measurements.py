"""Reports of synthesis tools: `qnas measurements`, `qnas synth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.address import complete
from qnas.cli.output import result, settings
from qnas.cli.stage import pick_folder, runs_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table
    from rich.text import Text

    from qnas.accel.reports.measurement import Measurement

EXIT_FAULTY = 2
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
def measurements(files: tuple[Path, ...]) -> None:
    """Print the figures of synthesis, implementation and co-simulation reports.

    FILE is a csynth.xml or csynth.rpt, an export_impl.xml, a report of report_utilization or
    report_timing_summary, a co-simulation report, a report of v++, a folder with such files, or a
    pick such as runs/NAME/knee.
    Figures that a report lacks or calls undefined are null; part and clock may come from other
    reports of the same run. Skipped files and sections are listed on stderr. Exit status 2 if a
    FILE is damaged, or if no FILE is a report.
    """
    from qnas.accel.reports import collect_reports

    found = collect_reports([_folder(file) for file in files])
    result(lambda: [m.listed() for m in found.measurements], lambda: _show(found.measurements))
    say_remarks((*found.broken, *found.remarks))
    for fault in found.faults:
        click.echo(f"qnas: {fault}", err=True)
    if found.faults:
        click.get_current_context().exit(EXIT_FAULTY)


@click.command("synth")
@click.argument("project", metavar="RUN/PICK", shell_complete=complete)
@runs_option
def synth(project: str, runs: Path) -> None:
    """Synthesise a project with the Vitis on the PATH, and print the reported figures.

    RUN/PICK is a pick such as runs/digits_zcu102/fps150000, a folder that `qnas export` or `qnas
    pick --out` wrote, or a run with one pick. The measurements are kept in the project's
    measurements.json.
    Exit status 2 without Vitis; the message then names the command for a machine with Vitis.
    """
    from qnas.accel.hls.synthesis import find_project, synthesise
    from qnas.cli.console import printer

    found = synthesise(find_project(pick_folder(project, runs)))
    result(
        lambda: found.measurements,
        lambda: printer(columns=200).print(measurement_table(found.measurements)),
    )
    say_remarks((*found.broken, *found.remarks))


def _folder(file: Path) -> Path:
    """`file`, or the directory of the pick that RUN/PICK names."""
    if file.exists():
        return file
    pick = file.parent / "picks" / file.name
    return pick if pick.is_dir() else file


def _show(found: Iterable[Measurement]) -> None:
    from qnas.cli.console import printer

    printer(columns=200).print(measurement_table(found))


def say_remarks(remarks: Iterable[str]) -> None:
    """Print each remark as one line on stderr."""
    for remark in () if settings().quiet else remarks:
        click.echo(f"remark: {remark}", err=True)


def measurement_table(found: Iterable[Measurement]) -> Table:
    """The table with one row per design and its modules below it."""
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
    tool = f"{found.tool} {found.version or ''}".strip()
    head = (found.stage, tool, found.part or "-") if not indent else ("", "", "")
    cells = [_cell(getattr(found, field)) for field in TITLES]
    table.add_row(_plain(f"{indent}{found.top or found.source}"), *map(_plain, head), *cells)


def _plain(text: str) -> Text:
    """Text of a report, with markup disabled and control characters escaped."""
    from rich.text import Text

    from qnas.errors import printable

    return Text(printable(text))


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
