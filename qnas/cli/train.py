"""`qnas train`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command


@study_command
def command(study: str, runs: Path) -> None:
    """Train the supernet of STUDY, or go on where a killed training stopped."""
    with opened(study, runs, stage="train") as (work, progress):
        from qnas.studies import stages

        stages.train(work, progress=progress)
