"""`qnas compare`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("compare")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path, file_okay=False))
@click.option("--fps", type=float, multiple=True, help="FPS to compare at; may be repeated.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write this page."
)
@click.option("--trust", is_flag=True, help="Execute the Python files that the runs name.")
def command(runs: tuple[Path, ...], fps: tuple[float, ...], html: Path | None, trust: bool) -> None:
    """Compare two or more runs: fronts, hypervolumes, the most accurate candidate at each speed.

    RUNS are run directories such as runs/NAME; all must use the same data. Without --fps, the
    runs are compared at the FPS targets of their studies.
    """
    from rich.markup import escape
    from rich.table import Table

    from qnas.cli.console import printer
    from qnas.studies.report.compare_page import render_comparison, study_rows, target_rows
    from qnas.studies.report.comparison import compare

    found = compare(runs, fps=fps, trust=trust)
    table = Table(title="Side by side", title_justify="left")
    table.add_column("")
    for run in found.runs:
        table.add_column(escape(run.label), justify="right")
    rows = study_rows(found)
    for label, _, cells in rows:
        table.add_row(label, *map(escape, cells), end_section=label == rows[-1][0])
    for target, bests in target_rows(found):
        texts = [f"[bold]{error}[/bold]" if leads else error for error, _, leads in bests]
        table.add_row(f"error at {target} FPS", *texts)
    console = printer()
    console.print(table)
    for caution in found.cautions:
        console.print(caution)
    if html is not None:
        from qnas._util.serialization import write_atomically

        write_atomically(html, render_comparison(found))
        click.echo(f"Page: {html}")
