"""WorkerPool: the search processes of this machine, and others that share the same storage."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.storages import JournalStorage

from qnas._util.extensions import portable
from qnas._util.serialization import digest, encode
from qnas.errors import ConfigError, problem
from qnas.studies.run.run import Run
from qnas.studies.storage.journal import Journal
from qnas.studies.storage.leases import Leases, LeaseTable, SoleWorker
from qnas.studies.storage.shared import open_storage, shared_study

LOCAL_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """`workers` search processes on this machine. `storage` is the URL of a shared Optuna storage;
    "" for the run's own journal."""

    workers: int = 1
    storage: str = ""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(problem("--workers", "must be at least 1", self.workers, "Try 2."))

    def check(self) -> None:
        """Raise ConfigError unless the storage can be reached. Call it before a training."""
        if self.storage:
            with open_storage(self.storage):
                pass


ONE_WORKER = WorkerPool()


@contextmanager
def open_pool(run: Run, pool: WorkerPool) -> Iterator[tuple[optuna.Study, Leases]]:
    """The study to search in and this process's leases, while the other workers of `pool` run."""
    if pool.workers == 1 and not pool.storage:
        yield run.study, SoleWorker()
        return
    run.files.leases.unlink(missing_ok=True)  # this process holds the run: other workers are dead
    names = [uuid.uuid4().hex for _ in range(pool.workers - 1)]
    others = {name: _start(run, pool, name) for name in names}

    def dead_workers() -> set[str]:
        return {name for name, process in others.items() if process.poll()}

    try:
        with join_pool(run, pool.storage) as (study, leases):
            leases.dead_workers = dead_workers
            yield study, leases
    finally:
        for process in others.values():
            process.communicate()  # closes its stdin, which ends it
        run.files.leases.unlink(missing_ok=True)


@contextmanager
def join_pool(
    run: Run, storage: str, *, worker: str = ""
) -> Iterator[tuple[optuna.Study, LeaseTable]]:
    """Join as one more worker, with heartbeats: yields the study in `storage`, or in the run's
    journal, and the worker's leases."""
    name = run.config.name
    if not storage:
        study, journal = run.study, JournalStorage(Journal(run.files.leases))
        leases = LeaseTable(journal, name, worker=worker, pause_s=LOCAL_PAUSE_S)
        with leases.heartbeat():
            yield study, leases
        return
    with open_storage(storage) as shared:
        study = shared_study(
            shared,
            name=name,
            directions=[info.direction for info in run.objectives],
            metric_names=[info.name for info in run.objectives],
            identity=identity_of(run),
        )
        leases = LeaseTable(shared, name, worker=worker)
        with leases.heartbeat():
            yield study, leases


def identity_of(run: Run) -> str:
    """Digest of everything that determines a search's trials, independent of file locations."""
    manifest, config = run.manifest, run.config
    search: dict[str, Any] = encode(config.search)
    for free in ("trials", "stop_after", "seed_from"):
        del search[free]
    search["sampler"] = portable(search["sampler"])
    parts = (manifest.space, manifest.data, manifest.splits, manifest.device)
    return digest(
        {
            "digests": [part.digest for part in parts] + [run.supernet_digest()],
            "objectives": [portable(name) for name in config.objective_names],
            "limits": {portable(name): limit for name, limit in config.limit_values.items()},
            "seed": config.seed,
            "search": search,
        }
    )


def _start(run: Run, pool: WorkerPool, name: str) -> subprocess.Popen[str]:
    """Start a worker. It exits when its stdin closes, and so never outlives this process."""
    command = [sys.executable, "-m", "qnas.studies.workers.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    order = {"run": str(run.files.path), "storage": pool.storage, "worker": name}
    process.stdin.write(json.dumps(order) + "\n")  # not an argument: the URL may contain a password
    process.stdin.flush()
    return process
