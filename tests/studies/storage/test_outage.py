"""A shared storage that restarts, goes away, or whose lock a stopped process holds."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import InMemoryStorage
from optuna.trial import create_trial
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from qnas.errors import ConfigError
from qnas.studies.storage import shared
from qnas.studies.storage.shared import is_outage, make_patient, open_storage, shared_study
from tests.studies.postgres import Server, server

TRIAL = create_trial(params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}, value=1.0)
PROXY = """
import sys
from optuna.storages import JournalStorage, run_grpc_proxy_server
from optuna.storages.journal import JournalFileBackend
run_grpc_proxy_server(JournalStorage(JournalFileBackend(sys.argv[1])), host="127.0.0.1",
                      port=int(sys.argv[2]))
"""


def study_in(storage: optuna.storages.BaseStorage) -> optuna.Study:
    return shared_study(storage, name="s", directions=["minimize"], identity="one")


def lost(error: Exception) -> Exception:
    found = StorageInternalError("an exception is raised during the commit")
    found.__cause__ = error
    return found


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (OperationalError("x", {}, Exception("terminating connection")), True),
        (lost(InternalError("x", {}, Exception("idle-in-transaction timeout"))), True),
        (lost(IntegrityError("x", {}, Exception("duplicate"))), False),
        (StorageInternalError("no cause"), False),
        (KeyError("no such study"), False),
    ],
)
def test_only_an_outage_is_waited_for(
    error: Exception, outage: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_outage(error) is outage
    storage, failures = InMemoryStorage(), [error]
    found = storage.get_all_studies

    def sometimes() -> object:
        if failures:
            raise failures.pop()
        return found()

    monkeypatch.setattr(storage, "get_all_studies", sometimes)
    make_patient(storage, name="db")
    if outage:
        assert storage.get_all_studies() == []
    else:
        with pytest.raises(type(error)):
            storage.get_all_studies()


def test_an_outage_that_lasts_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = InMemoryStorage()

    def never() -> object:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(shared, "RECONNECT_S", 0.3)
    monkeypatch.setattr(storage, "get_all_studies", never)
    make_patient(storage, name="postgresql://db/qnas")
    with pytest.raises(ConfigError, match=r"postgresql://db/qnas did not for 0\.3 s.*refused"):
        storage.get_all_studies()


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    with server() as found:
        yield found


@pytest.mark.slow
@pytest.mark.postgres
def test_a_restarted_database_is_reconnected(database: Server) -> None:
    with open_storage(database.url) as storage:
        study = study_in(storage)
        study.add_trial(TRIAL)
        database.restart()
        study.add_trial(TRIAL)
        database.stop()
        later = threading.Timer(1.5, database.start)
        later.start()
        study.add_trial(TRIAL)
        later.join()
        assert len(study.get_trials()) == 3


@pytest.mark.slow
@pytest.mark.postgres
def test_a_process_stopped_in_a_transaction_blocks_nobody_for_long(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are as in use, only shorter."""
    assert max(shared.TIMEOUTS_MS["idle_in_transaction_session_timeout"], 0) <= 30_000
    short = {name: ms // 20 for name, ms in shared.TIMEOUTS_MS.items()}
    monkeypatch.setattr(shared, "TIMEOUTS_MS", short)
    with open_storage(database.url) as ours, open_storage(database.url) as theirs:
        study = study_in(ours)
        before = len(study.get_trials())
        connection = theirs._backend.engine.connect()  # type: ignore[attr-defined]
        connection.execute(sqlalchemy.text("SELECT * FROM studies FOR UPDATE"))
        started = time.monotonic()
        study.add_trial(TRIAL)
        assert 0.5 < time.monotonic() - started < 10
        assert len(study.get_trials()) > before
        connection.invalidate()
        study_in(theirs).add_trial(TRIAL)  # it goes on when it is continued
        assert len(study.get_trials()) == before + 2


@pytest.mark.slow
@pytest.mark.postgres
def test_a_database_that_stays_away_ends_the_search_in_a_sentence(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "RECONNECT_S", 1.0)
    with open_storage(database.url) as storage:
        study = study_in(storage)
        database.stop()
        try:
            with pytest.raises(ConfigError, match=r"--storage.*did not for 1 s.*are kept"):
                study.add_trial(TRIAL)
        finally:
            database.start()


class Proxy:
    """A proxy of Optuna's over a journal, in a process of its own."""

    def __init__(self, journal: Path) -> None:
        pytest.importorskip("grpc")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [sys.executable, "-c", PROXY, str(journal), str(self.port)]
        self.url = f"grpc://127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        self.start()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.1)

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()


@pytest.mark.slow
def test_a_restarted_proxy_is_reconnected(tmp_path: Path) -> None:
    with Proxy(tmp_path / "journal") as proxy, open_storage(proxy.url) as storage:
        study = study_in(storage)
        study.add_trial(TRIAL)
        proxy.kill()
        proxy.start()
        study.add_trial(TRIAL)
        assert len(study.get_trials()) == 2


@pytest.mark.slow
def test_a_frozen_proxy_is_not_waited_for_without_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "ANSWER_S", 1.0)
    monkeypatch.setattr(shared, "RECONNECT_S", 1.0)
    with Proxy(tmp_path / "journal") as proxy, open_storage(proxy.url) as storage:
        study = study_in(storage)
        proxy.process.send_signal(signal.SIGSTOP)
        for call in (lambda: study.add_trial(TRIAL), study.get_trials):  # the second is cached
            with pytest.raises(ConfigError, match="must answer during a search"):
                call()
        proxy.process.send_signal(signal.SIGCONT)
        before = len(study.get_trials())  # trials whose answer was lost are there
        study.add_trial(TRIAL)
        assert len(study.get_trials()) > before
