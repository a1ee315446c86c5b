"""`qnas refine`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import note, result
from qnas.cli.stage import opened, study_command, target

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.studies.run.refinement import Refinement


@study_command
@click.option(
    "--tool",
    type=click.Choice(["rtl", "vitis"]),
    default="rtl",
    show_default=True,
    help="What measures: Verilator and Yosys, or Vitis HLS.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Take the measured projects in or below this folder as the measurements of a round.",
)
@click.option(
    "--within",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    help="Width of an interval over its value that is narrow enough.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Minutes after which no measurement begins.",
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=100, show_default=True, help="Most rounds."
)
@click.option(
    "--kernels",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Kernels that a round measures.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Trials that a round adds to the search.  [default: a generation]",
)
def command(
    study: str,
    changes: tuple[str, ...],
    runs: Path,
    trust: bool,
    tool: str,
    reports: Path | None,
    within: float,
    minutes: float,
    rounds: int,
    kernels: int,
    trials: int | None,
) -> None:
    """Measure kernels of STUDY's front, predict anew and search on, round by round.

    A round simulates and synthesizes as RTL the kernels whose measurement would shrink the 90 %
    intervals of the front most, predicts every trial with them, and adds trials to the search.
    It ends when every interval of the front is within --within of its value, or --minutes are over;
    then picks that are not measured are, and chosen anew, until every pick is a measured kernel.
    A call that was stopped goes on where it stood. Needs the extra `measure` and g++, and a
    finished search; `qnas run` then exports and verifies the picks of the new front.

    A study that predicts the C++ kernel is refined by Vitis HLS: --tool vitis writes projects of
    the picks and of the kernels that teach most and synthesizes them, or says what to run where
    Vitis is installed; --reports reads the reports of that, Vivado's and co-simulations' too.
    """
    aim = target(study, runs, changes, trust=trust)
    with opened(aim, stage="refine") as (run, shown):
        from qnas.studies.stages.pipeline import report
        from qnas.studies.stages.refine import RefineSettings, measure_rtl, refine
        from qnas.studies.stages.refine_reports import refine_with_reports, refine_with_vitis

        settings = RefineSettings(within, minutes, rounds, kernels, trials or 0)
        if reports:
            found = refine_with_reports(run, shown, settings, reports)
        elif tool == "vitis":
            found = refine_with_vitis(run, shown, settings)
        else:
            found = refine(run, shown, settings, measure_rtl)
        report(run, progress=shown)
        if found.failed:
            note(f"{len(found.failed)} kernels could not be measured: {run.files.refinement}")
        note(f"Files: {run.files.path}")
    result(lambda: found, lambda: _show(found))


def _show(found: Refinement) -> None:
    from qnas.cli.console import show_tables

    show_tables(_table(found))


def _table(found: Refinement) -> Table:
    from rich.table import Table

    table = Table(title="Rounds: widest 90 % interval of the front, over its value")
    table.title_justify = "left"
    table.add_column("round")
    names = list(found.rounds[0].widths)
    for column in ("measured so far", "trials", "front", *(n.upper() for n in names), "minutes"):
        table.add_column(column, justify="right")
    for one in found.rounds:
        widths = [f"{one.widths[name]:.1%}" for name in names]
        minutes = f"{(one.measuring_s + one.searching_s) / 60:.1f}"
        counts = (str(one.kernels), f"{one.trials:,}", str(len(one.front)))
        table.add_row(str(one.number), *counts, *widths, minutes)
    return table
