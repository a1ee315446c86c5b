"""`qnas report`."""

from __future__ import annotations

from pathlib import Path

import click

from qnas.cli.stage import opened_to_read, study_command


@study_command
@click.option("--png", is_flag=True, help="Also write the figures to figures/*.png.")
def command(study: str, runs: Path, png: bool) -> None:
    """Write STUDY's report.html: plots, picks and what is known of them. Also while it searches.

    --png needs kaleido (pip install 'qnas-fpga[png]') and a Chromium.
    """
    from rich.console import Console

    from qnas.cli.console import ConsoleProgress
    from qnas.studies.stages import pipeline as stages

    run = opened_to_read(study, runs, stage="report")
    with ConsoleProgress(Console(soft_wrap=True)) as progress:
        stages.report(run, png=png, progress=progress)
