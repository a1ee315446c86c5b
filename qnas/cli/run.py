"""`qnas run`."""

from __future__ import annotations

from pathlib import Path

from qnas.cli.stage import opened, pool_options, study_command, verify_and_show


@study_command
@pool_options
def command(study: str, runs: Path, workers: int, storage: str) -> None:
    """From images to verified accelerators: every stage of STUDY that is missing.

    Exit status 1 if a project differs from the integer reference, 2 for bad input.
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    with opened(study, runs, stage="run") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(run, lambda: stages.run_all(run, pool=pool, progress=progress))
