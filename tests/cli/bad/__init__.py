"""What a user may get wrong: files, a command, and what must be said of them. A file a subject."""

from __future__ import annotations

from tests.cli.bad import commands, hardware, images, measured, studies
from tests.cli.bad.case import Bad

__all__ = ["Bad", "cases"]


def cases() -> list[Bad]:
    """All of them."""
    rooms = (studies, hardware, measured, images, commands)
    return [case for room in rooms for case in room.cases()]
