"""Many workers against one storage: a real PostgreSQL, and Optuna's gRPC proxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from qnas.errors import CheckpointError, ConfigError
from qnas.studies.search.trials import copy_missing, read_records
from qnas.studies.storage import shared
from qnas.studies.storage.journal import open_study
from qnas.studies.storage.shared import open_storage, shared_study
from tests.studies.analytic import DIRECTIONS, GENOME, OBJECTIVES, search
from tests.studies.postgres import postgres

ROOT = Path(__file__).parents[3]
TRIALS = 40
WORKER = """
import sys
from pathlib import Path
from tests.studies.analytic import share
share(sys.argv[1], trials=int(sys.argv[2]), log=Path(sys.argv[3]))
"""
PROXY = """
import sys, optuna, warnings
warnings.simplefilter("ignore")
optuna.storages.run_grpc_proxy_server(
    optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(sys.argv[1])),
    host="127.0.0.1", port=int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with postgres() as url:
        yield url


def outcome(study: optuna.Study) -> list[tuple[str, dict[str, float], tuple[int, int]]]:
    return [(r.key, dict(r.values), r.place) for r in read_records(study, GENOME, OBJECTIVES)]


def worker(url: str, log: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WORKER, url, str(TRIALS), str(log)], cwd=ROOT)


@pytest.mark.slow
@pytest.mark.postgres
def test_workers_on_postgres_one_of_them_killed(database: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    workers = [worker(database, log) for _ in range(3)]
    while not log.exists() or log.read_text().count(f"{workers[0].pid} ") < 5:
        assert all(process.poll() is None for process in workers)
        time.sleep(0.01)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert [process.wait(timeout=600) for process in workers] == [-signal.SIGKILL, 0, 0]

    with open_storage(database) as storage:
        study = shared_study(storage, name="small", directions=DIRECTIONS, identity="small")
        alone = search(tmp_path / "alone", trials=TRIALS)
        assert outcome(study) == outcome(alone)  # none lost; who evaluated what changes nothing
        assert len(study.trials) == TRIALS and all(t.state.is_finished() for t in study.trials)
        with pytest.raises(CheckpointError, match="of the same space, data"):
            shared_study(storage, name="small", directions=DIRECTIONS, identity="another")
        # And back into a journal, as a run keeps it.
        local = open_study(tmp_path / "local", name="small", directions=DIRECTIONS)
        for _ in range(2):
            copy_missing(study, local)
    assert outcome(local) == outcome(alone)
    assert [t.number for t in local.trials] == list(range(TRIALS))
    # Nothing twice, but for what the killed one had not written: at most one claim.
    asked = [line.split() for line in log.read_text().splitlines()]
    assert len({pid for pid, _ in asked}) == 3
    twice = [key for key, count in Counter(key for _, key in asked).items() if count > 1]
    by_killed = {key for pid, key in asked if pid == str(workers[0].pid)}
    assert set(twice) <= by_killed and len(twice) <= 5


@pytest.mark.slow
def test_workers_through_optuna_s_grpc_proxy(tmp_path: Path) -> None:
    pytest.importorskip("grpc")
    port = 20_000 + os.getpid() % 10_000
    command = [sys.executable, "-c", PROXY, str(tmp_path / "journal"), str(port)]
    proxy = subprocess.Popen(command)
    try:
        url = f"grpc://127.0.0.1:{port}"
        workers = [worker(url, tmp_path / "log") for _ in range(2)]
        assert [process.wait(timeout=600) for process in workers] == [0, 0]
        with open_storage(url) as storage:
            study = shared_study(storage, name="small", directions=DIRECTIONS, identity="small")
            assert outcome(study) == outcome(search(tmp_path / "alone", trials=TRIALS))
            assert len(study.trials) == TRIALS
    finally:
        proxy.kill()
        proxy.wait()


def test_a_storage_that_is_not_there_is_a_clear_error_without_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "REACH_S", 1)
    for url in ("postgresql://me:secret@127.0.0.1:1/x", "nonsense", "grpc://127.0.0.1:1"):
        with (
            pytest.raises(ConfigError, match="must reach an Optuna storage") as error,
            open_storage(url),
        ):
            pass
        assert "secret" not in str(error.value)
