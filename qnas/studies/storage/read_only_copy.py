"""A study as it is at this moment, read beside the run that may be writing it."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna

from qnas.objectives.registry import objective_info
from qnas.studies.config import Study
from qnas.studies.storage.journal import open_study


def read_only_copy(journal: Path, folder: Path, config: Study) -> optuna.Study:
    """The study in a copy of `journal` under `folder`: the run's own is neither locked nor mended.

    Raises CheckpointError as `open_study` does.
    """
    copy = folder / "study.journal"
    shutil.copyfile(journal, copy)
    directions = [objective_info(name).direction for name in config.objectives]
    return open_study(copy, name=config.name, directions=directions)
