"""A study in a storage shared by several machines: PostgreSQL, MySQL, or Optuna's gRPC proxy. Calls
of it are repeated while its server restarts, up to a limit."""

from __future__ import annotations

import functools
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import BaseStorage, GrpcStorageProxy, RDBStorage, get_storage
from sqlalchemy.exc import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionError

from qnas.errors import CheckpointError, ConfigError, DependencyError, problem
from qnas.objectives.base import Direction
from qnas.studies.optuna_internals import bound_calls
from qnas.studies.storage.journal import check_directions
from qnas.studies.storage.stoppable import StoppableStudy, name_metrics

IDENTITY = "qnas:study"
GRPC, GRPC_PORT = "grpc", 13000
REACH_S = 5
ANSWER_S = 60.0  # of a proxy; a database has its own limits, below
# A transaction holds a lock on its study: a process that is stopped inside one blocks the others
# for this long. Whoever waited, and whoever was stopped, repeats the call: see `make_patient`.
TIMEOUTS_MS = {
    "idle_in_transaction_session_timeout": 20_000,
    "lock_timeout": 30_000,
    "statement_timeout": 60_000,
}
RECONNECT_S = 60.0  # after which a server that does not answer ends the search
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
OUTAGES = (OperationalError, InterfaceError, InternalError, NoConnectionError)
SHOWN = 200  # characters of an error of the driver
TABLES_S = 0.2, 1.0, 3.0  # pauses while another machine creates the tables
T = TypeVar("T")


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
    bound_calls(proxy, ANSWER_S)
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


def make_patient(storage: BaseStorage, *, name: str) -> BaseStorage:
    """Let each call of `storage` be repeated after an outage, for RECONNECT_S seconds.

    A call whose answer was lost may be executed twice: the search ignores a second trial of a
    position and a second lease of a slot. Raises ConfigError from a call, naming `name`, if the
    outage lasts.
    """
    for method in BaseStorage.__abstractmethods__:
        setattr(storage, method, _patient(getattr(storage, method), name))
    return storage


def _patient(call: Callable[..., T], name: str) -> Callable[..., T]:
    @functools.wraps(call)
    def repeated(*arguments: Any, **named: Any) -> T:
        until: float | None = None
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return call(*arguments, **named)
            except Exception as error:
                if not is_outage(error):
                    raise
                if until is None:
                    until = time.monotonic() + RECONNECT_S
                    waits = "%s does not answer: trying again for %g s."
                    logging.getLogger(__name__).warning(waits, name, RECONNECT_S)
                elif time.monotonic() > until:
                    raise ConfigError(_lasting(error, name)) from None
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    return repeated


def is_outage(error: BaseException | None) -> bool:
    """Whether a server could not be reached, or ended the connection or a wait for a lock."""
    if isinstance(error, StorageInternalError):
        return is_outage(error.__cause__)
    rpc = any(cls.__module__.partition(".")[0] == "grpc" for cls in type(error).__mro__)
    return rpc or isinstance(error, OUTAGES)


def _lasting(error: Exception, name: str) -> str:
    cause = error.__cause__ if isinstance(error, StorageInternalError) else error
    found = f"{type(cause).__name__}: {' '.join(str(cause).split())[:SHOWN]}"
    rule = f"must answer during a search; {name} did not for {RECONNECT_S:g} s"
    remedy = "Start it again and repeat the command: all trials that were written are kept."
    return problem("--storage", rule, found, remedy)
