"""`qnas report`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command


@study_command
def command(study: str, runs: Path) -> None:
    """Write STUDY's report.html: plots, picks and what is known of them. Needs `qnas search`."""
    with opened(study, runs, stage="report") as (work, progress):
        from qnas.studies import stages

        stages.report(work, progress=progress)
