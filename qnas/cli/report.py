"""`qnas report`."""

from __future__ import annotations

from pathlib import Path

import click

from qnas.cli.stage import opened, study_command


@study_command
@click.option("--png", is_flag=True, help="Also write the figures to figures/*.png.")
def command(study: str, runs: Path, png: bool) -> None:
    """Write STUDY's report.html: plots, picks and what is known of them. Needs `qnas search`.

    --png needs kaleido (pip install 'qnas-fpga[png]') and a Chromium.
    """
    with opened(study, runs, stage="report") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.report(run, png=png, progress=progress)
