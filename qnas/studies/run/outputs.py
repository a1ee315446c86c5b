"""Digests of exported files, to detect damaged files and write them again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qnas._util.serialization import read_json, write_json
from qnas.accel.hls.emit.project import emitted_files
from qnas.errors import CheckpointError
from qnas.studies.run.run_directory import (
    KernelDirectory,
    MultiNetworkDirectory,
    PickDirectory,
)


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
