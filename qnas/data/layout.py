"""Layout of a data set: which folders are splits and which are classes, by name and content, and
the files of a class; usual names of splits, also of arrays and files.

The files of a class are those in its folder and below, in the order of torchvision's ImageFolder.
Names that begin with a dot are skipped: `._cat.jpg` of macOS is not an image.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qnas._util.units import listed
from qnas.data.image_reading import SUFFIXES
from qnas.errors import ConfigError, printable, problem

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "t10k"), TEST),
}
DEEPEST = 32  # most nested folders below a class
NAMED_KINDS = 6  # most kinds of files that a remark names
LONGEST_SUFFIX = 12
Found = tuple[str, int]  # a file's path relative to the class folder, and its size
LAYOUT = "Lay it out as train/CLASS/IMAGE and val/CLASS/IMAGE."
NAMED = 4
_PURPOSE = {TRAIN: "train on", VALIDATION: "validate with", TEST: "test with"}


def split_of(name: str) -> str:
    """Return TRAIN, VALIDATION or TEST, or "" if `name` is not a split's.

    Case, punctuation and a final "set" are ignored: `Training_Set` is TRAIN.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return _NAMES.get(plain.removesuffix("set"), "")


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders that contain class folders; the `others` beside them are not read."""

    train: Path
    validation: Path | None = None
    test: Path | None = None
    others: tuple[str, ...] = ()


def some(names: Sequence[str]) -> str:
    """List the first names and the number of further ones."""
    return listed([printable(name) for name in names], most=NAMED)


def find_layout(root: Path) -> Layout:
    """Find the splits of a folder.

    Raises:
        ConfigError: Two folders are the same split, or there are splits without `train`.
    """
    names = subfolders(root)
    roles = {split: [n for n in names if split_of(n) == split] for split in _PURPOSE}
    if not _of_classes(root, roles[TRAIN]):  # a class may be called `train`
        return _without_train(root, names, roles[TRAIN])
    roles[TEST] = _of_classes(root, roles[TEST])  # other test folders hold images without labels
    found = {split: _one(root, split, candidates) for split, candidates in roles.items()}
    _check_apart(root, found)
    used = [path.name for path in found.values() if path]
    return Layout(
        found[TRAIN] or root,
        found[VALIDATION],
        found[TEST],
        tuple(name for name in names if name not in used),
    )


def _without_train(root: Path, names: list[str], train: list[str]) -> Layout:
    """Treat the folders of `root` as classes, unless some are splits that contain folders."""
    words = {name: re.split(r"[\W\d_]+", name) for name in names}
    alike = [name for name in names if any(map(split_of, words[name]))]
    splits = _of_classes(root, alike)
    if train and (splits or len(names) == 1):
        return Layout(root / train[0])  # its reader reports that it has no classes
    if splits:
        rule = "must hold a folder `train` where it holds splits"
        remedy = f"Rename them, or name the folder of the classes. {LAYOUT}"
        raise ConfigError(problem(str(root), rule, some(splits), remedy))
    return Layout(root)


def _check_apart(root: Path, found: Mapping[str, Path | None]) -> None:
    """Check that no two splits are the same folder under two names.

    Raises:
        ConfigError: Two splits are the same folder.
    """
    real: dict[Path, Path] = {}
    for path in filter(None, found.values()):
        other = real.setdefault(path.resolve(), path)
        if other != path:
            rule, value = "must hold other images in each split", f"{other.name} and {path.name}"
            remedy = "They are links to one folder: remove one."
            raise ConfigError(problem(str(root), rule, value, remedy))


def _of_classes(root: Path, names: list[str]) -> list[str]:
    """Select the folders that contain folders."""
    return [name for name in names if subfolders(root / name)]


def _one(root: Path, split: str, names: list[str]) -> Path | None:
    if len(names) > 1:
        rule = f"must hold one folder to {_PURPOSE[split]}"
        raise ConfigError(problem(str(root), rule, some(names), "Move the others away."))
    return root / names[0] if names else None


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
        shown = [f"{count:,} {kind}" for kind, count in kinds[:NAMED_KINDS]]
        if len(kinds) > NAMED_KINDS:
            shown.append(f"{sum(count for _, count in kinds[NAMED_KINDS:]):,} of other kinds")
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
