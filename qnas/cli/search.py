"""`qnas search`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command


@study_command
def command(study: str, runs: Path) -> None:
    """Search STUDY's subnets and foldings, and write front.csv. Needs `qnas train`."""
    with opened(study, runs, stage="search") as (work, progress):
        from qnas.studies import stages

        stages.search(work, progress=progress)
