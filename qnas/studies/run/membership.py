"""Membership: the split of each image file of a run, kept so that a removed or replaced file moves
no other file into another split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import write_atomically
from qnas.data.files import ImageFiles
from qnas.data.splits import Splits
from qnas.errors import CheckpointError, problem

PARTS = ("train", "search", "report")
NAME_BYTES = 8  # of a name's hash: the names of ImageNet's files have 60 MB


@dataclass(frozen=True, slots=True)
class Lost:
    """The files of one split that were removed or replaced since the run began.

    Attributes:
        split: "train", "search" or "report".
        files: Number of files of the split when the run began.
        removed: Number of files that are gone.
        replaced: Number of files that have another size.
    """

    split: str
    files: int
    removed: int
    replaced: int

    def __str__(self) -> str:
        counts = [(self.removed, "removed"), (self.replaced, "replaced")]
        done = " and ".join(f"{count:,} {what}" for count, what in counts if count)
        return f"{done} of {self.files:,} images of the {self.split} split"


@dataclass(frozen=True, eq=False)
class Membership:
    """The split of each file.

    Attributes:
        names: (n,) hashes of the files' names.
        sizes: (n,) bytes of the files.
        parts: (n,) index of each file's split in PARTS.
    """

    names: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    parts: NDArray[np.uint8]

    @classmethod
    def of(cls, files: ImageFiles, splits: Splits) -> Membership:
        """The membership of `files` in `splits`."""
        parts = np.zeros(len(files), np.uint8)
        for index, part in enumerate(PARTS):
            parts[getattr(splits, part)] = index
        return cls(_hashes(files.names), np.array(files.sizes, np.int64), parts)

    def carried_over(self, files: ImageFiles) -> tuple[Splits, tuple[Lost, ...]] | None:
        """The splits of `files`, and the files that were removed or replaced since; None if there
        are new ones."""
        names, sizes = _hashes(files.names), np.array(files.sizes, np.int64)
        order = np.argsort(self.names)
        places = np.searchsorted(self.names[order], names)
        known = order[np.minimum(places, len(order) - 1)]
        if not (self.names[known] == names).all():
            return None
        parts, replaced = self.parts[known], self.sizes[known] != sizes
        lost = []
        for index, part in enumerate(PARTS):
            count, now = int((self.parts == index).sum()), parts == index
            removed = count - int(now.sum())
            lost.append(Lost(part, count, removed, int((now & replaced).sum())))
        found = tuple(one for one in lost if one.removed or one.replaced)
        splits = Splits(*(np.flatnonzero(parts == index) for index in range(len(PARTS))))
        return splits, found


def write_membership(path: Path, membership: Membership) -> None:
    """Write the membership to `path`, a safetensors file, atomically."""
    from safetensors.numpy import save

    tensors = {name: getattr(membership, name) for name in ("names", "sizes", "parts")}
    write_atomically(path, save(tensors))


def read_membership(path: Path) -> Membership | None:
    """Read what `write_membership` wrote; None if there is no file.

    Raises CheckpointError if it is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            return Membership(*(file.get_tensor(name) for name in ("names", "sizes", "parts")))
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        rule, remedy = "must be a whole file that qnas wrote", "Restore it, or begin a new run."
        found = f"{type(error).__name__}: {error}"
        raise CheckpointError(problem(str(path), rule, found, remedy)) from None


def _hashes(names: tuple[str, ...]) -> NDArray[np.uint64]:
    encoded = (name.encode(errors="surrogateescape") for name in names)
    digests = (hashlib.blake2b(name, digest_size=NAME_BYTES).digest() for name in encoded)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
