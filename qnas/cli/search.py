"""`qnas search`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, study_command, team_options


@study_command
@team_options
def command(study: str, runs: Path, workers: int, storage: str) -> None:
    """Search STUDY's subnets and foldings, and write front.csv. Needs `qnas train`.

    Equal seeds find the same, with any number of workers on any number of machines.
    """
    from qnas.studies.workers.pool import Team

    team = Team(workers, storage)
    team.check()
    with opened(study, runs, stage="search") as (work, progress):
        from qnas.studies.stages import pipeline as stages

        stages.search(work, team=team, progress=progress)
