"""Progress: the listener that a stage calls while it works."""

from __future__ import annotations

from typing import Protocol

from qnas._util.units import plain_number


class Progress(Protocol):
    """Listens to a stage's progress. Stages call it; they never print."""

    def stage(self, name: str, note: str) -> None:
        """Report that stage `name` begins, or in `note` that it has nothing to do."""
        ...

    def advance(self, done: int, total: int, note: str) -> None:
        """Report that `done` of `total` steps of the current stage are done."""
        ...


class Silent:
    """A Progress that ignores every call."""

    def stage(self, name: str, note: str) -> None: ...

    def advance(self, done: int, total: int, note: str) -> None: ...


SILENT = Silent()


def rate(per_second: float) -> str:
    """Format a rate: `1,240`, `38`, `4.2`, `0.031`: two digits at least."""
    if per_second >= 10:
        return f"{per_second:,.0f}"
    return plain_number(per_second, digits=2)


def duration(seconds: float) -> str:
    """Format a duration: `42 s`, `3:05 min`, `12:30 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole // 60 % 60:02} h"
