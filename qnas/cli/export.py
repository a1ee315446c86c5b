"""`qnas export`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command


@study_command
def command(study: str, runs: Path) -> None:
    """Write the Vitis HLS project of each pick of STUDY. Needs `qnas search`."""
    with opened(study, runs, stage="export") as (work, progress):
        from qnas.studies import stages

        stages.export(work, progress=progress)
