"""Team: who searches. Processes of this machine, and whoever else uses the same storage."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from optuna import Study
from optuna.storages import JournalStorage

from qnas.errors import ConfigError, problem
from qnas.objectives.registry import objective_info
from qnas.studies.run.run import Workspace
from qnas.studies.storage.journal import Journal
from qnas.studies.storage.leases import Claims, Ledger, Unclaimed
from qnas.studies.storage.shared import identity_of, open_storage, shared_study

LOCAL_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Team:
    """`workers` processes here. `storage` is the URL of an Optuna storage; the run's own journal
    without one."""

    workers: int = 1
    storage: str = ""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(problem("--workers", "must be at least 1", self.workers, "Try 2."))

    def check(self) -> None:
        """ConfigError unless the storage can be reached: before a training, not after it."""
        if self.storage:
            with open_storage(self.storage):
                pass


ALONE = Team()


@contextmanager
def at_work(work: Workspace, team: Team) -> Iterator[tuple[Study, Claims]]:
    """The study to search in and this process's claims, while the others of `team` are at work."""
    if team.workers == 1 and not team.storage:
        yield work.study, Unclaimed()
        return
    work.files.claims.unlink(missing_ok=True)  # nobody else holds the run: those are dead
    names = [uuid.uuid4().hex for _ in range(team.workers - 1)]
    others = {name: _start(work, team, name) for name in names}

    def gone() -> set[str]:
        return {name for name, process in others.items() if process.poll()}

    try:
        with joined(work, team.storage) as (study, claims):
            claims.gone = gone
            yield study, claims
    finally:
        for process in others.values():
            process.communicate()  # the end of its input is the end of it
        work.files.claims.unlink(missing_ok=True)


@contextmanager
def joined(work: Workspace, storage: str, *, worker: str = "") -> Iterator[tuple[Study, Ledger]]:
    """One more worker, alive: the study in `storage`, or in the run's journal, and its claims."""
    name = work.config.name
    if not storage:
        study, journal = work.study, JournalStorage(Journal(work.files.claims))
        claims = Ledger(journal, name, worker=worker, pause_s=LOCAL_PAUSE_S)
        with claims.beating():
            yield study, claims
        return
    directions = [objective_info(name).direction for name in work.config.objectives]
    with open_storage(storage) as shared:
        study = shared_study(shared, name=name, directions=directions, identity=identity_of(work))
        claims = Ledger(shared, name, worker=worker)
        with claims.beating():
            yield study, claims


def _start(work: Workspace, team: Team, name: str) -> subprocess.Popen[str]:
    """A worker: it ends when its input does, and so never outlives this process."""
    command = [sys.executable, "-m", "qnas.studies.workers.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    order = {"run": str(work.files.path), "storage": team.storage, "worker": name}
    process.stdin.write(json.dumps(order) + "\n")  # not in the command: it may hold a password
    process.stdin.flush()
    return process
