"""Layout of a data set: which folders are splits and which are classes, by name and content; usual
names of splits, also of arrays and files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnas.data.class_folder import subfolders
from qnas.errors import ConfigError, printable, problem

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "t10k"), TEST),
}


def split_of(name: str) -> str:
    """Return TRAIN, VALIDATION or TEST, or "" if `name` is not a split's.

    Case, punctuation and a final "set" are ignored: `Training_Set` is TRAIN.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return _NAMES.get(plain.removesuffix("set"), "")


LAYOUT = "Lay it out as train/CLASS/IMAGE and val/CLASS/IMAGE."
NAMED = 4
_PURPOSE = {TRAIN: "train on", VALIDATION: "validate with", TEST: "test with"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders that contain class folders; the `others` beside them are not read."""

    train: Path
    validation: Path | None = None
    test: Path | None = None
    others: tuple[str, ...] = ()


def some(names: Sequence[str]) -> str:
    """List the first names and the number of further ones."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + more


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
