"""A study in a storage shared by several machines: PostgreSQL, MySQL, or Optuna's gRPC proxy."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage, get_storage
from sqlalchemy.exc import IntegrityError, ProgrammingError

from qnas.errors import CheckpointError, ConfigError, DependencyError, problem
from qnas.objectives.base import Direction
from qnas.studies.storage.journal import check_directions
from qnas.studies.storage.patience import make_patient
from qnas.studies.storage.stoppable import StoppableStudy, name_metrics

IDENTITY = "qnas:study"
GRPC, GRPC_PORT = "grpc", 13000
REACH_S = 5
# A transaction holds a lock on its study: a process that is stopped inside one blocks the others
# for this long. Whoever waited, and whoever was stopped, repeats the call: see `patience`.
TIMEOUTS_MS = {
    "idle_in_transaction_session_timeout": 20_000,
    "lock_timeout": 30_000,
    "statement_timeout": 60_000,
}
TABLES_S = 0.2, 1.0, 3.0  # pauses while another machine creates the tables


@contextmanager
def open_storage(url: str) -> Iterator[BaseStorage]:
    """Open the Optuna storage at `url`, and close its connections at the end of the block.

    `url` is `grpc://HOST:PORT`, or a database URL of SQLAlchemy. Raises ConfigError, without the
    password in its message, if the storage cannot be reached; DependencyError without its driver.
    """
    try:
        if urlsplit(url).scheme == GRPC:
            storage, close = _proxy(url)
        else:
            storage, close = _database(url.replace("postgresql://", "postgresql+psycopg://", 1))
    except ImportError as error:
        extra = "grpc" if url.startswith(GRPC) else "postgres"
        rule, remedy = "needs its driver", f"pip install 'qnas-fpga[{extra}]'"
        raise DependencyError(problem("--storage", rule, error, remedy)) from None
    except Exception as error:  # SQLAlchemy, the driver and gRPC raise many types
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        rule = f"must reach an Optuna storage at {_public(url)}"
        remedy = "Write postgresql://USER:PASSWORD@HOST/DATABASE or grpc://HOST:PORT."
        raise ConfigError(problem("--storage", rule, found, remedy)) from None
    try:
        yield make_patient(storage, name=_public(url))
    finally:
        with suppress(Exception):  # the server may be gone
            close()


def _proxy(url: str) -> tuple[BaseStorage, Callable[[], None]]:
    parts = urlsplit(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        proxy = GrpcStorageProxy(host=parts.hostname or "localhost", port=parts.port or GRPC_PORT)
    try:
        proxy.wait_server_ready(timeout=REACH_S)
    except BaseException:
        proxy.close()
        raise
    return proxy, proxy.close


def _database(url: str) -> tuple[BaseStorage, Callable[[], None]]:
    """Open a database. If two machines create its tables at once, one of them fails and retries."""
    for pause in (*TABLES_S, None):
        try:
            database = RDBStorage(url, engine_kwargs=_connection(url))
            break
        except (ProgrammingError, IntegrityError):
            if pause is None:
                raise
            time.sleep(pause)

    def close() -> None:
        database.remove_session()
        database.engine.dispose()

    return get_storage(database), close


def _connection(url: str) -> dict[str, Any]:
    """Arguments of SQLAlchemy's engine: a connection is tested before use, and PostgreSQL ends what
    a stopped process left open, unless the URL has `options` of its own."""
    found: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith("postgresql+psycopg://"):
        given = parse_qs(urlsplit(url).query)
        options = " ".join(f"-c {name}={ms}" for name, ms in TIMEOUTS_MS.items())
        wanted = {"options": options, "connect_timeout": REACH_S}
        found["connect_args"] = {k: v for k, v in wanted.items() if k not in given}
    return found


def _public(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def shared_study(
    storage: BaseStorage,
    *,
    name: str,
    directions: Sequence[Direction],
    identity: str,
    metric_names: Sequence[str] = (),
) -> optuna.Study:
    """Open the study `name` in `storage`, or create it; `metric_names` as in `open_study`.

    Raises CheckpointError if it has other directions or another `identity`.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(
        storage=storage, study_name=name, directions=list(directions), load_if_exists=True
    )
    study = StoppableStudy(study_name=name, storage=storage)
    check_directions(study, directions, where=f"study {name}")
    if study.user_attrs.get(IDENTITY, identity) != identity:
        rule = "must be of the same space, data, device, supernet, seed and settings here and there"
        remedy = "Copy manifest.json and supernet.* of one run to the others, or rename the study."
        raise CheckpointError(problem(f"study {name}", rule, "another one", remedy))
    study.set_user_attr(IDENTITY, identity)
    name_metrics(study, metric_names)
    return study
