"""`qnas search`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, pool_options, study_command


@study_command
@pool_options
def command(study: str, runs: Path, workers: int, storage: str) -> None:
    """Search STUDY's subnets and foldings, and write front.csv. Needs `qnas train`.

    Equal seeds find the same, with any number of workers on any number of machines.
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    with opened(study, runs, stage="search") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.search(run, pool=pool, progress=progress)
