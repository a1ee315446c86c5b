"""Patience: calls of a shared storage are repeated while its server restarts, up to a limit."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from qnas.errors import ConfigError, problem

T = TypeVar("T")
RECONNECT_S = 60.0  # after which a server that does not answer ends the search
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
OUTAGES = (OperationalError, InterfaceError, InternalError, NoConnectionError)
SHOWN = 200  # characters of an error of the driver


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
