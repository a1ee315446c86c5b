"""`qnas verify`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, show_summary, study_command
from qnas.errors import VerificationError


@study_command
def command(study: str, runs: Path) -> None:
    """Run every report image through each project of STUDY, and compare every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.
    """
    with opened(study, runs, stage="verify") as (work, progress):
        from qnas.studies import stages

        try:
            stages.verify(work, progress=progress)
        except VerificationError:
            show_summary(work)  # the table has the counts; the error names the first
            raise
        show_summary(work)
