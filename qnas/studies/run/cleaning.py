"""Files of a run, or of the cache, that can be made again and that no stage needs to go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qnas._util.cache import user_cache
from qnas.studies.run.run_directory import LEFTOVER, RunDirectory

CHECKPOINT = "checkpoint.safetensors"
BUILDS = ("picks/*/project/build", "together/project/build", "picks/*/rtl/obj_dir")


@dataclass(frozen=True, slots=True)
class Removable:
    """A file or folder that `qnas clean` removes, what it is, and its size."""

    path: Path
    what: str
    bytes: int


def removable(run: Path, *, cache: bool = False) -> tuple[Removable, ...]:
    """List what can be removed from a run's directory, and with `cache` the compiled helpers.

    Nothing that a later stage reads is listed: no weights, trials, projects or measurements.
    """
    found = [
        Removable(path, what, size_bytes(path))
        for path, what in _of_run(RunDirectory(run))
        if _is(path)
    ]
    if cache and user_cache().is_dir():
        cached = user_cache()
        found.append(Removable(cached, "compiled helpers of all runs", size_bytes(cached)))
    return tuple(found)


def remove(run: Path, found: tuple[Removable, ...]) -> None:
    """Remove what `removable` listed; StageOrderError if another process works on the run."""
    with RunDirectory(run).locked():
        for one in found:
            if one.path.is_dir() and not one.path.is_symlink():
                shutil.rmtree(one.path)
            else:
                one.path.unlink(missing_ok=True)


def _of_run(files: RunDirectory) -> Iterator[tuple[Path, str]]:
    if files.trained:
        yield files.path / CHECKPOINT, "checkpoint of a finished training"
    for record in sorted(files.path.glob("tuned/*/tuning.json")):
        yield record.parent / CHECKPOINT, "checkpoint of a finished fine-tuning"
    for pattern in BUILDS:
        for path in sorted(files.path.glob(pattern)):
            yield path, "compiled simulation"
    for path in sorted(files.path.rglob(".*")):
        if LEFTOVER.match(path.name):
            yield path, "file of an interrupted writer"


def _is(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def size_bytes(path: Path) -> int:
    """Bytes of a file, or of the files below a folder; each link counts as itself."""
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if not one.is_dir())
