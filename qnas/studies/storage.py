"""The study on disk: Optuna's journal, opened so that a killed writer harms nobody."""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from qnas.errors import CheckpointError, problem
from qnas.objectives.base import Direction

REASON = "reason"


class KernelLock(JournalFileOpenLock):
    """An flock on the journal itself: the kernel drops it when its holder dies.

    Optuna's own locks are files, which a killed process leaves behind; the next one would wait
    half a minute for their grace period.
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
    """Optuna's journal file without a flush to disk at each of a trial's forty entries.

    What a process wrote is the kernel's, and survives the process. Only the end of the machine
    may cost the last entries, whose trials are then made again.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._kernel_lock = path, KernelLock(path)
        super().__init__(str(path), lock_obj=self._kernel_lock)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._kernel_lock.acquire()
        try:
            with self._path.open("ab") as stream:
                stream.write(lines.encode())
        finally:
            self._kernel_lock.release()


def open_study(path: Path, *, name: str, directions: Sequence[Direction]) -> optuna.Study:
    """The study in the journal at `path`, made if it is absent.

    Raises CheckpointError if the journal is damaged or has other directions.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        _drop_torn_line(path)
        storage, sampler = JournalStorage(Journal(path)), optuna.samplers.NSGAIISampler()
        if any(study.study_name == name for study in storage.get_all_studies()):
            study = optuna.load_study(study_name=name, storage=storage, sampler=sampler)
        else:
            study = optuna.create_study(
                study_name=name, storage=storage, sampler=sampler, directions=list(directions)
            )
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
    if [d.name.lower() for d in study.directions] != list(directions):
        raise CheckpointError(
            problem(
                str(path),
                f"must hold a study of {list(directions)}",
                study.directions,
                "Delete it and run again.",
            )
        )
    return study


def fail_interrupted(study: optuna.Study) -> int:
    """Mark the trials that a killed process left RUNNING as FAIL; returns how many.

    They are told from trials that failed of themselves by having no REASON.
    """
    stale = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in stale:
        study.tell(trial.number, state=TrialState.FAIL)
    return len(stale)


def _drop_torn_line(path: Path) -> None:
    """Cut what follows the last newline: an append that was never finished was never made."""
    if not path.exists():
        return
    with path.open("r+b") as stream:
        content = stream.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            stream.truncate(whole)
