"""A read-only copy of a study's current state, also while another process writes it."""

from __future__ import annotations

import copy
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from qnas._util.files import open_regular
from qnas.errors import CheckpointError, problem
from qnas.objectives.base import Direction
from qnas.studies.storage.journal import open_study
from qnas.studies.storage.mending import direction_numbers, read_content
from qnas.studies.storage.stoppable import name_metrics

PICKS = "picks"  # of a study: the number of each pick's trial
PICK = "pick"  # of a trial in a copy: the names of its picks


class JournalReader:
    """Reads a journal that another process may be writing, without locking or repairing it."""

    def __init__(
        self, journal: Path, *, name: str, directions: Sequence[Direction], metrics: Sequence[str]
    ) -> None:
        self._journal, self._name = journal, name
        self._directions, self._metrics = directions, metrics
        self._stamp: tuple[int, int] | None = None
        self._study: optuna.Study | None = None
        self._reported: tuple[tuple[int, bytes], ...] = ()

    def study(self) -> optuna.Study:
        """An in-memory copy of the study's current state; cached until the journal grows.

        Raises CheckpointError as `open_study` does.
        """
        stat = self._journal.stat()
        stamp = (stat.st_size, stat.st_mtime_ns)
        if self._study is None or stamp != self._stamp:
            self._study, self._stamp = self._read(), stamp
            name_metrics(self._study, self._metrics)
        return self._study

    def _read(self) -> optuna.Study:
        with tempfile.TemporaryDirectory(prefix="qnas-study-") as folder:
            path = Path(folder) / "study.journal"
            with open_regular(self._journal) as journal:
                path.write_bytes(self._whole(journal.read()))
            study = open_study(path, name=self._name, directions=self._directions)
            try:
                return _in_memory(study)
            except ValueError as error:  # of Optuna: a trial with a value that is none
                rule, remedy = "must hold whole trials", "Delete it and run again."
                raise CheckpointError(problem(str(self._journal), rule, error, remedy)) from None

    def _whole(self, data: bytes) -> bytes:
        """A journal without its damaged lines; one warning reports them."""
        try:
            content = read_content(data)
        except ValueError:
            return data  # `open_study` refuses it
        if not (content.damaged or content.headless):
            return data
        if content.damaged and content.damaged != self._reported:
            self._reported = content.damaged
            message = content.message(self._journal, where="the damaged lines are not read")
            logging.getLogger(__name__).warning("%s", message)
        return content.mended(name=self._name, directions=direction_numbers(self._directions))


def _in_memory(source: optuna.Study) -> optuna.Study:
    study = optuna.create_study(study_name=source.study_name, directions=source.directions)
    for name, value in source.user_attrs.items():
        study.set_user_attr(name, value)
    picks: dict[int, list[str]] = {}
    for name, number in source.user_attrs.get(PICKS, {}).items():
        picks.setdefault(number, []).append(name)
    study.add_trials(
        _with_pick(trial, ", ".join(picks[trial.number])) if trial.number in picks else trial
        for trial in source.get_trials(deepcopy=False)
    )
    return study


def _with_pick(trial: FrozenTrial, names: str) -> FrozenTrial:
    """A copy of a trial with its picks' names: in a storage, finished trials cannot change."""
    picked = copy.copy(trial)
    picked.user_attrs = {**trial.user_attrs, PICK: names}
    return picked
