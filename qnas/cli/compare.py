"""`qnas compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.address import complete
from qnas.cli.output import html_option, result, write_page
from qnas.cli.stage import run_directory, runs_option, trust_option

if TYPE_CHECKING:
    from qnas.studies.report.comparison import Comparison


@click.command("compare")
@click.argument("studies", metavar="STUDY...", nargs=-1, shell_complete=complete)
@runs_option
@click.option("--fps", type=float, multiple=True, help="FPS to compare at; may be repeated.")
@html_option
@trust_option
def command(
    studies: tuple[str, ...],
    runs: Path,
    fps: tuple[float, ...],
    html: Path | None,
    trust: bool,
) -> None:
    """Compare two or more runs: fronts, hypervolumes, the most accurate candidate at each speed.

    STUDY... are runs such as runs/NAME, or studies whose runs are in --runs; all must use the same
    data. Without --fps, the runs are compared at the FPS targets of their studies.
    """
    from qnas.studies.report.compare_page import render_comparison
    from qnas.studies.report.comparison import compare

    found = compare([run_directory(text, runs) for text in studies], fps=fps, trust=trust)
    result(lambda: _document(found), lambda: _show(found))
    if html is not None:
        write_page(html, render_comparison(found))


def _document(found: Comparison) -> dict[str, Any]:
    """What --json prints."""
    return {
        "objectives": found.objectives,
        "runs": [
            {
                "run": run.label,
                "device": run.device,
                "trials": len(run.records.trials),
                "front": len(run.front),
                "hypervolume": found.volume(run),
                "dominated_share": found.beaten(run),
                "at_fps": {
                    str(target): best and {"trial": best.number, "fps": best.fps, **best.values}
                    for target in found.targets
                    for best in [found.best(run, target)]
                },
            }
            for run in found.runs
        ],
        "cautions": found.cautions,
    }


def _show(found: Comparison) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnas.cli.console import printer, show_tables
    from qnas.studies.report.compare_page import study_rows, target_rows

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
    show_tables(table)
    console = printer()
    for caution in found.cautions:
        console.print(caution)
