"""`qnas train`."""

from __future__ import annotations

import os
from pathlib import Path

from qnas.cli.stage import opened, study_command


@study_command
def command(study: str, runs: Path) -> None:
    """Train the supernet of STUDY, or go on where a killed training stopped.

    On several GPUs: torchrun --nproc-per-node 8 -m qnas train STUDY.toml
    """
    if int(os.environ.get("RANK", "0")):  # torchrun's others train along and write nothing
        from qnas.studies.config import load_config
        from qnas.studies.run.run import Run
        from qnas.studies.stages.train import assist

        return assist(Run(config := load_config(study), runs / config.name))
    with opened(study, runs, stage="train") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.train(run, progress=progress)
