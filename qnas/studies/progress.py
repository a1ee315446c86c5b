"""Progress: the listener that a stage calls while it works."""

from __future__ import annotations

from typing import Protocol


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


def duration(seconds: float) -> str:
    """Format a duration: `42 s`, `3:05 min`, `12:30 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole // 60 % 60:02} h"
