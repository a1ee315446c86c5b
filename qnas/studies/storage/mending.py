"""Mending: the whole entries of a damaged journal are kept, and its damaged lines are set aside."""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.study import StudyDirection

from qnas._util.serialization import write_atomically
from qnas.objectives.base import Direction

START = '{"op_code"'  # every entry begins so: Optuna writes this key first
CREATE_STUDY = 0


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a journal.

    Attributes:
        entries: The complete entries, one line each.
        damaged: The lines that contain anything but an entry, with their numbers from 1.
        torn: Whether the last line has no end: its append was not completed and does not count.
    """

    entries: tuple[bytes, ...]
    damaged: tuple[tuple[int, bytes], ...]
    torn: bool

    @property
    def headless(self) -> bool:
        """Whether there are entries, and none of them creates a study: Optuna would ignore all."""
        codes = (json.loads(entry)["op_code"] for entry in self.entries)
        return bool(self.entries) and CREATE_STUDY not in codes

    def mended(self, *, name: str, directions: Sequence[int]) -> bytes:
        """The text of a journal with the complete entries.

        If none of them creates the study, an entry that creates one of this `name` with these
        `directions` (in Optuna's numbers) is put first: Optuna counts studies by these entries.
        """
        entries = list(self.entries)
        if self.headless:
            created = {
                "op_code": CREATE_STUDY,
                "worker_id": json.loads(entries[0])["worker_id"],
                "study_name": name,
                "directions": list(directions),
            }
            entries.insert(0, json.dumps(created, separators=(",", ":")).encode())
        return b"".join(entry + b"\n" for entry in entries)

    def message(self, path: Path, *, where: str) -> str:
        """A sentence on the damaged lines."""
        numbers = ", ".join(str(number) for number, _ in self.damaged[:5])
        more = ", ..." if len(self.damaged) > 5 else ""
        return (
            f"{path}: {len(self.damaged)} of its lines are damaged ({numbers}{more}). Its "
            f"{len(self.entries)} whole entries are kept; {where}. A search evaluates again what "
            "they recorded."
        )


def read_content(data: bytes) -> Content:
    """Parse a journal; ValueError if it is not empty but has no entry at all."""
    *lines, rest = data.split(b"\n")
    entries: list[bytes] = []
    damaged: list[tuple[int, bytes]] = []
    for number, line in enumerate(lines, start=1):
        found = _entries(line)
        entries += found
        if found != [line]:
            damaged.append((number, line))
    if lines and not entries:
        raise ValueError(f"line 1 is {lines[0][:40]!r}")
    return Content(tuple(entries), tuple(damaged), bool(rest))


def direction_numbers(directions: Sequence[Direction]) -> list[int]:
    """Optuna's numbers of objectives' directions in a journal."""
    return [StudyDirection[direction.upper()].value for direction in directions]


def mend(path: Path, *, name: str, directions: Sequence[int]) -> None:
    """Rewrite the journal at `path` with its complete entries, if it is damaged or torn.

    Damaged lines are appended to a file beside the journal with the suffix `.damaged`, and a
    warning reports it. `name` and `directions` are those of `Content.mended`.
    Raises ValueError as `read_content`.
    """
    if not path.exists():
        return
    with path.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # no append is in progress
        data = stream.read()
        content = read_content(data)
        if not (content.damaged or content.headless):
            if content.torn:
                stream.truncate(data.rfind(b"\n") + 1)
            return
        aside = path.with_name(f"{path.name}.damaged")
        if not content.damaged:  # only the first line is missing
            write_atomically(path, content.mended(name=name, directions=directions))
            return
        with aside.open("ab") as copy:
            copy.write(b"".join(line + b"\n" for _, line in content.damaged))
        write_atomically(path, content.mended(name=name, directions=directions))
    message = content.message(path, where=f"the damaged lines are in {aside}")
    logging.getLogger(__name__).warning("%s", message)


def _entries(line: bytes) -> list[bytes]:
    """The complete entries in a line: one, unless the line is damaged or joins several."""
    text, decoder = line.decode("ascii", "surrogateescape"), json.JSONDecoder()
    found, place = list[bytes](), text.find(START)
    while place >= 0:
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if text[place:end].isascii() and _is_entry(value):
                found.append(text[place:end].encode())
        place = text.find(START, end)
    return found


def _is_entry(value: object) -> bool:
    keys = {"op_code": int, "worker_id": str}
    return isinstance(value, dict) and all(isinstance(value.get(k), t) for k, t in keys.items())
