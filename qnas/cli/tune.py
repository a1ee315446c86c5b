"""`qnas tune`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.stage import opened, study_command
from qnas.errors import VerificationError

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.studies.run.run import Run

RUNGS = ("inherited", "tuned", "integer", "C++")


@study_command
@click.option("--pick", "picks", multiple=True, help="Pick to tune; may be repeated. [all]")
def command(study: str, runs: Path, picks: tuple[str, ...]) -> None:
    """Fine-tune the subnet of each pick of STUDY; export and verify the better weights.

    The recipe is the table [tune] of STUDY, or [train] without one. The search split decides
    whether a pick keeps its inherited or its tuned weights; the printed accuracies are of the
    report split. Needs `qnas search`; resumes an interrupted tuning.
    """
    with opened(study, runs, stage="tune") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        try:
            stages.tune(run, picks=picks, progress=progress)
        except VerificationError:
            _show(run)
            raise
        _show(run)


def _show(run: Run) -> None:
    from qnas._util.serialization import read_json
    from qnas.cli.console import printer

    printer().print(tuning_table(read_json(run.files.summary)["picks"]))
    click.echo(f"Files: {run.files.path}")


def tuning_table(picks: Sequence[dict[str, Any]]) -> Table:
    """The table with one row per tuned pick, from summary.json."""
    from rich.table import Table

    from qnas._util.intervals import accuracy_text

    title = "Accuracy of tuned picks (report split; 95 % intervals)"
    table = Table(title=title, title_justify="left")
    table.add_column("pick")
    for title in (*RUNGS, "mismatches", "made of", "search split"):
        table.add_column(title, justify="right")
    for pick in picks:
        if (tuning := pick.get("tuning")) is None:
            continue
        report, search, accuracy = tuning["report"], tuning["search"], pick["accuracy"]
        images, simulated = accuracy["images"], accuracy["simulated_images"]
        rungs = (
            (report["inherited"], images),
            (report["tuned"], images),
            (accuracy["integer"], images),
            (accuracy["hls"], simulated),
        )
        table.add_row(
            pick["name"],
            *(accuracy_text(*rung, separator="\n") for rung in rungs),
            f"{pick['verification']['mismatches']:,}",
            tuning["weights"],
            f"{search['inherited']:.2%} -> {search['tuned']:.2%}",
        )
    return table
