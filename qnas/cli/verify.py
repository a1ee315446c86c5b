"""`qnas verify`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command, verify_and_show


@study_command
def command(study: str, runs: Path) -> None:
    """Run every report image through each project of STUDY, and compare every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.
    """
    with opened(study, runs, stage="verify") as (work, progress):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(work, lambda: stages.verify(work, progress=progress))
