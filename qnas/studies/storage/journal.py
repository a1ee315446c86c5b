"""The study on disk: Optuna's journal, made safe against killed writers."""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial

from qnas.errors import CheckpointError, problem
from qnas.objectives.base import Direction
from qnas.studies.optuna_internals import entries_read
from qnas.studies.storage.mending import direction_numbers, mend
from qnas.studies.storage.stoppable import StoppableStudy, name_metrics


class KernelLock(JournalFileOpenLock):
    """An flock on the journal itself, which the operating system drops when its holder dies.

    Optuna's own locks are files. A killed process leaves its lock file behind, and the next process
    would wait for its grace period of half a minute.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        weakref.finalize(self, os.close, self._handle)

    def acquire(self) -> bool:
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_UN)


class Journal(JournalFileBackend):
    """Optuna's journal file, to which a whole generation can be appended in one write.

    Writes are not flushed to disk: the operating system keeps them when the process dies. Only a
    crash of the machine can lose the last entries, whose trials are then made again.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._kernel_lock = path, KernelLock(path)
        self._batch: list[bytes] | None = None
        super().__init__(str(path), lock_obj=self._kernel_lock)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect the appended entries and write them at the end of the block, under the lock.

        After the first entry, reading returns only the batch's entries: the storage must have read
        the file before.
        """
        self._kernel_lock.acquire()
        self._batch, self._batch_start = [], 0
        try:
            yield
            self._write(self._batch)
        finally:
            self._batch = None
            self._kernel_lock.release()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        if self._batch is not None:
            self._batch_start = self._batch_start or entries_read(self)
            self._batch += lines
            return
        self._kernel_lock.acquire()
        try:
            self._write(lines)
        finally:
            self._kernel_lock.release()

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        if self._batch:
            yield from map(json.loads, self._batch[log_number_from - self._batch_start :])
        else:
            yield from super().read_logs(log_number_from)

    def _write(self, lines: Sequence[bytes]) -> None:
        with self._path.open("ab") as stream:
            stream.write(b"".join(lines))


class JournalStudy(StoppableStudy):
    """An Optuna study in a journal file, which writes trials added together in one write."""

    def __init__(self, name: str, journal: Journal, storage: JournalStorage) -> None:
        self._journal = journal
        super().__init__(study_name=name, storage=storage)

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        with self._journal.batch():
            self.get_trials(deepcopy=False, states=())  # reads the entries of other processes
            super().add_trials(trials)


def open_study(
    path: Path, *, name: str, directions: Sequence[Direction], metric_names: Sequence[str] = ()
) -> optuna.Study:
    """Open the study in the journal at `path`, or create it; `metric_names` label the objectives in
    Optuna's plots.

    Damaged lines are set aside: see `mend`. Raises CheckpointError if the journal holds no whole
    entry, or has other directions.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        mend(path, name=name, directions=direction_numbers(directions))
        journal = Journal(path)
        storage = JournalStorage(journal)
        if all(study.study_name != name for study in storage.get_all_studies()):
            optuna.create_study(study_name=name, storage=storage, directions=list(directions))
        study = JournalStudy(name, journal, storage)
    # Optuna trusts its journal: a damaged one ends in whatever error comes first.
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        IsADirectoryError,
    ) as error:
        found = f"{type(error).__name__}: {error}"
        raise CheckpointError(
            problem(str(path), "must be a whole Optuna journal", found, "Delete it and run again.")
        ) from None
    check_directions(study, directions, where=str(path))
    name_metrics(study, metric_names)
    return study


def check_directions(study: optuna.Study, directions: Sequence[Direction], *, where: str) -> None:
    """Raise CheckpointError unless `study` has these directions."""
    if [d.name.lower() for d in study.directions] != list(directions):
        raise CheckpointError(
            problem(
                where,
                f"must hold a study of {list(directions)}",
                study.directions,
                "Delete it and run again.",
            )
        )
