"""The files of a class: its folder and all folders below, as torchvision's ImageFolder walks them.

Names that begin with a dot are no part of a data set: `._cat.jpg` of macOS is no image.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qnas.errors import ConfigError, printable, problem

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".gif"),
)
DEEPEST = 32  # folders below a class
NAMED = 6  # kinds of files that a remark names
LONGEST_SUFFIX = 12

Found = tuple[str, int]  # a file's name, relative to where the walk began, and its bytes


@dataclass(frozen=True, slots=True)
class Unread:
    """How many files of each kind were passed over."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, count: int = 1) -> None:
        self.counts[kind] += count

    def text(self) -> str:
        """Counts and kinds, the most frequent first; empty if nothing was."""
        kinds = self.counts.most_common()
        shown = [f"{count:,} {kind}" for kind, count in kinds[:NAMED]]
        if len(kinds) > NAMED:
            shown.append(f"{sum(count for _, count in kinds[NAMED:]):,} of other kinds")
        return ", ".join(shown)

    def remarks(self, root: Path, folders: str = "") -> tuple[str, ...]:
        """One sentence with counts, and the names of whole `folders`; or none."""
        what = ", ".join(filter(None, (self.text(), folders)))
        return (f"Not read in {printable(str(root))}: {what}.",) if what else ()


def is_image_name(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and name[0] != "."


def subfolders(folder: Path) -> list[str]:
    """Names, sorted; without those that begin with a dot, and macOS' own. ConfigError for a link to
    nothing: it was a class, or a split."""
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
    """Every image below `folder`: folder by folder, by name.

    Links to folders are followed, but not back to where they come from. ConfigError for a link to
    an image that is not there.
    """
    return [
        (posixpath.join(below, name), size)
        for below, files in sorted(_walk(folder, "", (), unread))
        for name, size in sorted(files)
    ]


def _walk(
    folder: Path, place: str, above: tuple[tuple[int, int], ...], unread: Unread
) -> Iterator[tuple[str, list[Found]]]:
    """The files of each folder, behind its place below the first."""
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
    except OSError:  # links in a circle
        return False


def _bytes(entry: os.DirEntry[str], unread: Unread) -> int:
    """Of an image; 0 of what is none, which `unread` counts."""
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
