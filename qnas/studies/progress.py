"""Progress: what a stage tells its caller while it works."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. Stages call it; they never print."""

    def stage(self, name: str, note: str) -> None:
        """A stage begins, or says that there is nothing to do."""
        ...

    def advance(self, done: int, total: int, note: str) -> None:
        """`done` of `total` steps of the current stage are done."""
        ...


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str, note: str) -> None: ...

    def advance(self, done: int, total: int, note: str) -> None: ...


def duration(seconds: float) -> str:
    """For people: `42 s`, `3:05 min`, `12:30 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole // 60 % 60:02} h"
