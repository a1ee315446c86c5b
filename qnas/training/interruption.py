"""Interruption: delays SIGINT and SIGTERM during a training until its checkpoint is written."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """A context that records SIGINT and SIGTERM and delivers them later.

    A second SIGINT is delivered immediately. Python allows signal handlers only in the main thread:
    in other threads, and for ignored signals, the context changes nothing.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()
        if error is None and self.received is not None:
            self.deliver()

    def deliver(self) -> None:
        """Raise the received signal again, with its original handler.

        Raises KeyboardInterrupt if the handler does not raise, or if another process of the
        training received the signal.
        """
        self._restore()
        number, self.received = self.received, None
        if number is not None:
            signal.raise_signal(number)
        raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = self.received is not None and number == signal.SIGINT
        self.received = number
        if again:
            self.deliver()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
