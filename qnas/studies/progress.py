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
