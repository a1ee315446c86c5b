"""`qnas run`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, show_summary, study_command
from qnas.errors import VerificationError


@study_command
def command(study: str, runs: Path) -> None:
    """From images to verified accelerators: every stage of STUDY that is missing.

    Exit status 1 if a project differs from the integer reference, 2 for bad input.
    """
    with opened(study, runs, stage="run") as (work, progress):
        from qnas.studies import stages

        try:
            stages.run(work, progress=progress)
        except VerificationError:
            show_summary(work)  # the table has the counts; the error names the first
            raise
        show_summary(work)
