"""`qnas run`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command, team_options, verify_and_show


@study_command
@team_options
def command(study: str, runs: Path, workers: int, storage: str) -> None:
    """From images to verified accelerators: every stage of STUDY that is missing.

    Exit status 1 if a project differs from the integer reference, 2 for bad input.
    """
    from qnas.studies.workers.pool import Team

    team = Team(workers, storage)
    team.check()
    with opened(study, runs, stage="run") as (work, progress):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(work, lambda: stages.run(work, team=team, progress=progress))
