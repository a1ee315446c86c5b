"""Reports of synthesis tools: `qnas measurements`, `qnas synth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.address import complete
from qnas.cli.output import result, settings
from qnas.cli.stage import pick_folder, runs_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

    from qnas.accel.reports.measurement import Measurement

EXIT_FAULTY = 2
FIELDS = {  # by the title of their column: those of a cell's lines
    "LUT": ("lut",),
    "FF": ("ff",),
    "DSP": ("dsp",),
    "BRAM18": ("bram18",),
    "URAM": ("uram",),
    "latency,\ninterval\n(cycles)": ("latency_cycles_max", "interval_max"),
    "clock,\ntarget\n(ns)": ("clock_estimated_ns", "clock_target_ns"),
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

    found = synthesise(find_project(pick_folder(project, runs)))
    result(
        lambda: found.measurements,
        lambda: _show(found.measurements),
    )
    say_remarks((*found.broken, *found.remarks))


def _folder(file: Path) -> Path:
    """`file`, or the directory of the pick that RUN/PICK names."""
    if file.exists():
        return file
    pick = file.parent / "picks" / file.name
    return pick if pick.is_dir() else file


def _show(found: Iterable[Measurement]) -> None:
    from qnas.cli.console import show_tables

    show_tables(measurement_table(list(found)))


def say_remarks(remarks: Iterable[str]) -> None:
    """Print each remark as one line on stderr."""
    for remark in () if settings().quiet else remarks:
        click.echo(f"remark: {remark}", err=True)


def measurement_table(found: Sequence[Measurement]) -> Table:
    """The table with one row per design and its modules below it, without the columns that no
    design has a figure of."""
    from rich.table import Table

    every = [one for top in found for one in (top, *top.modules)]
    there = {
        title: fields
        for title, fields in FIELDS.items()
        if any(getattr(one, field) is not None for one in every for field in fields)
    }
    table = Table(title="Measurements", title_justify="left")
    table.add_column("design, stage, tool, part")
    for title in there:
        table.add_column(title, justify="right", no_wrap=True)
    for top in found:
        tool = f"{top.tool} {top.version or ''}".strip()
        about = (top.top or Path(top.source).name, top.stage, tool, top.part or "no part named")
        table.add_row(_lines(about), *_cells(top, there.values()))
        for module in top.modules:
            table.add_row(_lines([f"  {module.top}"]), *_cells(module, there.values()))
        table.add_section()
    return table


def _cells(found: Measurement, columns: Iterable[tuple[str, ...]]) -> list[str]:
    """A figure a line; one "-" for a column of which the report has none."""
    every = [[getattr(found, field) for field in fields] for fields in columns]
    known = [any(one is not None for one in each) for each in every]
    return ["\n".join(map(_cell, e)) if k else "-" for e, k in zip(every, known, strict=True)]


def _lines(texts: Iterable[str]) -> Text:
    """Texts of a report, a line each, with markup disabled and control characters escaped."""
    from rich.text import Text

    from qnas.errors import printable

    return Text("\n".join(map(printable, texts)))


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
