"""Files of a run: digests of the exported ones, by which damaged ones are detected and written
again; what tools added to them, which is never removed; and those that can be removed, because no
stage needs them to go on."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from qnas._util.cache import user_cache
from qnas._util.serialization import read_json, write_json
from qnas.accel.hls.emit.project import emitted_files
from qnas.errors import CheckpointError
from qnas.studies.run.run_directory import (
    LEFTOVER,
    KernelDirectory,
    MultiNetworkDirectory,
    PickDirectory,
    RunDirectory,
)
from qnas.training.logs import CHECKPOINT


def record_outputs(files: KernelDirectory, *, networks: int) -> None:
    """Write the digest of every file that the export of a kernel of `networks` wrote."""
    found = {name: _sha256(files.path / name) for name in _names(files, networks)}
    write_json(files.outputs, {name: sha256 for name, sha256 in found.items() if sha256})


def damaged_outputs(files: KernelDirectory) -> tuple[str, ...]:
    """The files that are missing or changed since the export; empty if nothing was recorded."""
    if not files.outputs.exists():
        return ()
    try:
        recorded = read_json(files.outputs)
    except CheckpointError:
        recorded = None
    if not isinstance(recorded, dict):
        return (files.outputs.name,)
    return tuple(name for name, sha256 in recorded.items() if _sha256(files.path / name) != sha256)


def _names(files: KernelDirectory, networks: int) -> list[str]:
    """The names of the project's files, and of the files that an export writes beside it."""
    paths = [files.project / name for name in emitted_files(networks)] + [files.timing]
    if isinstance(files, PickDirectory):
        paths += [files.architecture, files.plan, files.network, files.weights]
    if isinstance(files, MultiNetworkDirectory):
        paths.append(files.facts)
    return [path.relative_to(files.path).as_posix() for path in paths]


def _sha256(path: Path) -> str:
    """The SHA-256 of a file's content; "" if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


BUILD = "build"  # of the project's Makefile


def tool_results(project: Path, written: Collection[str]) -> tuple[str, ...]:
    """What lies in a project beside the `written` files and `make`'s build: reports and other
    results of Vitis or Vivado, which may have taken hours."""
    ours = {BUILD, *(name.partition("/")[0] for name in written)}
    found = project.iterdir() if project.is_dir() else ()
    return tuple(sorted(p.name for p in found if p.name not in ours and not p.name.startswith(".")))


def set_aside(folder: Path, former: Path) -> Path:
    """Move a folder into `former`, as NAME_1 or the next number that is free; return where it is
    now."""
    former.mkdir(exist_ok=True)
    places = (former / f"{folder.name}_{number}" for number in itertools.count(1))
    place = next(place for place in places if not place.exists())
    os.replace(folder, place)
    return place


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
        yield files.checkpoint, "checkpoint of a finished training"
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
