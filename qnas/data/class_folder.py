"""The files of a class: those in its folder and below, in the order of torchvision's ImageFolder.

Names that begin with a dot are skipped: `._cat.jpg` of macOS is not an image.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qnas.data.image_reading import SUFFIXES
from qnas.errors import ConfigError, printable, problem

DEEPEST = 32  # most nested folders below a class
NAMED = 6  # most kinds of files that a remark names
LONGEST_SUFFIX = 12

Found = tuple[str, int]  # a file's path relative to the class folder, and its size


@dataclass(frozen=True, slots=True)
class Unread:
    """Number of files of each kind that were skipped."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, count: int = 1) -> None:
        """Count skipped files of a kind."""
        self.counts[kind] += count

    def text(self) -> str:
        """Counts and kinds, the most frequent first; empty if no file was skipped."""
        kinds = self.counts.most_common()
        shown = [f"{count:,} {kind}" for kind, count in kinds[:NAMED]]
        if len(kinds) > NAMED:
            shown.append(f"{sum(count for _, count in kinds[NAMED:]):,} of other kinds")
        return ", ".join(shown)

    def remarks(self, root: Path, folders: str = "") -> tuple[str, ...]:
        """One sentence with counts and the names of skipped `folders`, or none."""
        what = ", ".join(filter(None, (self.text(), folders)))
        return (f"Not read in {printable(str(root))}: {what}.",) if what else ()


def is_image_name(name: str) -> bool:
    """Whether a file's name has the ending of an image and no leading dot."""
    return name.lower().endswith(SUFFIXES) and name[0] != "."


def subfolders(folder: Path) -> list[str]:
    """List the names of subfolders, sorted, without those that begin with a dot and macOS' own.

    Raises:
        ConfigError: A link points to nothing; it may have been a class or a split.
    """
    names = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == "." or entry.name == "__MACOSX":
                continue
            if entry.is_symlink() and not os.path.exists(entry.path):
                rule, remedy = (
                    "must link to a folder or file that exists",
                    "Mend or remove the link.",
                )
                raise ConfigError(problem(entry.path, rule, os.readlink(entry.path), remedy))
            if _is_folder(entry):
                names.append(entry.name)
    return sorted(names)


def image_files(folder: Path, unread: Unread) -> list[Found]:
    """List every image below `folder`, folder by folder, by name.

    Links to folders are followed unless they lead back to a parent.

    Raises:
        ConfigError: A link points to an image that does not exist.
    """
    return [
        (posixpath.join(below, name), size)
        for below, files in sorted(_walk(folder, "", (), unread))
        for name, size in sorted(files)
    ]


def _walk(
    folder: Path, place: str, above: tuple[tuple[int, int], ...], unread: Unread
) -> Iterator[tuple[str, list[Found]]]:
    """Yield each folder's path relative to the first one, with its files."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return unread.add("links back to a folder above")
    if len(above) > DEEPEST:
        return unread.add(f"folders deeper than {DEEPEST}")
    files: list[Found] = []
    below: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] == "." or entry.name == "__MACOSX":
                unread.add("hidden")
            elif _is_folder(entry):
                below.append(entry.name)
            elif size := _bytes(entry, unread):
                files.append((entry.name, size))
    yield place, files
    for name in below:
        yield from _walk(folder / name, posixpath.join(place, name), (*above, here), unread)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # circular links
        return False


def _bytes(entry: os.DirEntry[str], unread: Unread) -> int:
    """Size of an image; 0 for other files, which `unread` counts."""
    if not is_image_name(entry.name):
        suffix = printable(Path(entry.name).suffix.lower()[:LONGEST_SUFFIX])
        unread.add(suffix or "without an ending")
        return 0
    try:
        status = entry.stat()
    except OSError as error:
        rule, remedy = "must link to a file that exists", "Mend or remove the link."
        raise ConfigError(problem(entry.path, rule, error.strerror, remedy)) from None
    if not stat.S_ISREG(status.st_mode):
        unread.add("pipes or devices")
        return 0
    if not status.st_size:
        rule, remedy = "must be a readable image", "Replace or remove it."
        raise ConfigError(problem(entry.path, rule, "an empty file", remedy))
    return status.st_size
