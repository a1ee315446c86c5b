"""IDX files, the format of MNIST and its successors, raw or gzipped, under their usual names.

Format: two zero bytes, a type byte, the number of dimensions, one big-endian 32-bit size a
dimension, then the data, big-endian. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database";
Fashion-MNIST: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from qnas._util.files import check_memory, open_data
from qnas.data.array_parts import ArrayData, ArrayPart
from qnas.data.image_set import DataHeader, ImageSet
from qnas.data.layout import TEST, TRAIN, VALIDATION, split_of
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, printable, problem

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # the path in Debian's package
GARMENTS = (  # H. Xiao et al., table 2
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_AXES = 4  # more than any file of images or labels has
GZIP = b"\x1f\x8b"
AGAIN = "Fetch the file again."
KINDS = {"images": "images", "image": "images", "labels": "labels", "label": "labels"}


def load_fashion_mnist() -> ImageSet:
    """Load Fashion-MNIST from Debian's package: 60,000 training images, 10,000 held out."""
    found = load_idx(_fashion_mnist(), size=28, channels=1, pixels=PixelConfig())
    return replace(found, name="fashion_mnist", class_names=GARMENTS)


def peek_fashion_mnist() -> DataHeader:
    """Return the header of `load_fashion_mnist`."""
    return replace(peek_idx(_fashion_mnist(), size=28, channels=1), name="fashion_mnist")


def _fashion_mnist() -> Path:
    if not FASHION_MNIST.is_dir():
        rule = f"must lie in {FASHION_MNIST}"
        remedy = (
            "Run `apt-get install dataset-fashion-mnist` on Debian or Ubuntu; elsewhere, put the "
            'four files into any folder and write `data = "idx:FOLDER"`.'
        )
        raise ConfigError(problem("fashion_mnist", rule, "no such folder", remedy))
    return FASHION_MNIST


def load_idx(path: Path, *, size: int, channels: int, pixels: PixelConfig) -> ImageSet:
    """Load the images of `train-*`, then those of `t10k-*` or `test-*`, which are held out.

    Args:
        path: A folder, or a folder and the common beginning of the wanted files' names.
        size: Image size of the space.
        channels: Channels of the space.
        pixels: Conversion of pixels to numbers.

    Raises:
        ConfigError: A file is missing or damaged, counts differ, or class numbers have gaps.
    """
    return _data(path, size=size, channels=channels).load(pixels)


def peek_idx(path: Path, *, size: int, channels: int) -> DataHeader:
    """Read the headers, and the labels. Raises as `load_idx`."""
    return _data(path, size=size, channels=channels).header


def _data(path: Path, *, size: int, channels: int) -> ArrayData:
    files = _find(path)
    parts = {}
    for split in (TRAIN, VALIDATION, TEST):
        if split == TRAIN or (split, "images") in files or (split, "labels") in files:
            images, labels = (_needed(path, files, split, kind) for kind in ("images", "labels"))
            header = read_idx_header(images)
            parts[split] = ArrayPart(
                images_name=str(images),
                labels_name=str(labels),
                shape=header.shape,
                dtype=header.dtype,
                labels=read_idx(labels),
                read=partial(read_idx, images),
            )
    return ArrayData.of(parts, name=f"idx:{path}", size=size, channels=channels)


@dataclass(frozen=True, slots=True)
class IdxHeader:
    """The header of a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def data_bytes(self) -> int:
        """Size of the array, without the header."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_idx_header(path: Path) -> IdxHeader:
    """Read the header of an IDX file.

    Raises:
        ConfigError: The file does not begin with an IDX header.
    """
    with _opened(path) as file:
        return _header(path, file)


def read_idx(path: Path) -> NDArray[Any]:
    """Read the array of one file.

    Raises:
        ConfigError: The header and the content disagree.
    """
    with _opened(path) as file:
        header = _header(path, file)
        check_memory(str(path), header.data_bytes)
        # Limited, since a gzipped file may expand without end.
        content = file.read(header.data_bytes + 1)
    if len(content) != header.data_bytes:
        rule = f"must hold the {' x '.join(map(str, header.shape))} values of its header"
        value = f"{len(content):,} bytes" if len(content) < header.data_bytes else "more"
        raise ConfigError(problem(str(path), rule, value, AGAIN))
    return np.frombuffer(content, header.dtype).reshape(header.shape)


def _header(path: Path, file: BinaryIO) -> IdxHeader:
    start = file.read(4)
    rule = "must be an IDX file"
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES:
        raise ConfigError(problem(str(path), rule, f"it begins with {start!r}", AGAIN))
    axes = start[3]
    sizes = file.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise ConfigError(problem(str(path), rule, f"{4 + len(sizes)} bytes", AGAIN))
    if axes > MOST_AXES:
        raise ConfigError(problem(str(path), rule, f"{axes} dimensions", AGAIN))
    return IdxHeader(struct.unpack(f">{axes}I", sizes), np.dtype(TYPES[start[2]]))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open the content, unpacked if it is gzipped, regardless of the file's extension."""
    with open_data(path) as file:
        zipped = file.read(2) == GZIP
        file.seek(0)
        try:
            if not zipped:
                yield file
            else:
                with gzip.open(file) as content:
                    yield content  # type: ignore[misc]
        except (OSError, EOFError, zlib.error) as error:
            rule = "must be a whole, readable file"
            raise ConfigError(problem(str(path), rule, error, AGAIN)) from None


def _find(path: Path) -> dict[tuple[str, str], list[Path]]:
    """Find files by split and kind.

    Files in a subfolder with the file's name count if others are missing, since some archives
    unpack this way.
    """
    folder, prefix = (path, "") if path.is_dir() else (path.parent, path.name)
    if path.is_file():
        prefix = ""  # the path is one of the files
    if not folder.is_dir():
        raise ConfigError(problem(str(path), "must be a folder", "none", "Check the path."))
    found: dict[tuple[str, str], list[Path]] = {}
    for entry in sorted(folder.iterdir()):
        role = _role(entry.name) if entry.name.startswith(prefix) else None
        if role and entry.is_dir():
            found.setdefault(role, []).extend(e for e in entry.iterdir() if _role(e.name) == role)
        elif role:
            found.setdefault(role, []).append(entry)
    return {role: _preferred(folder, files) for role, files in found.items()}


def _preferred(folder: Path, files: list[Path]) -> list[Path]:
    """Keep one file of each name: preferably in the folder itself, and unpacked."""
    ranked = sorted(files, key=lambda file: (file.parent != folder, file.suffix == ".gz"))
    names: dict[str, Path] = {}
    for file in ranked:
        names.setdefault(re.sub(r"[^a-z0-9]", "", file.name.casefold().removesuffix(".gz")), file)
    return list(names.values())


def _role(name: str) -> tuple[str, str] | None:
    """(split, "images" or "labels") of a file's name; None if it is not an IDX file's."""
    words = re.findall(r"[a-z0-9]+", name.casefold())
    kinds = [KINDS[word] for word in words if word in KINDS]
    if len(kinds) != 1 or not any(re.fullmatch(r"idx\d?|ubyte", word) for word in words):
        return None
    splits = [split_of(word) for word in words if split_of(word)]
    return (splits[0] if splits else TRAIN), kinds[0]


def _needed(path: Path, files: dict[tuple[str, str], list[Path]], split: str, kind: str) -> Path:
    found = files.get((split, kind), [])
    if len(found) == 1:
        return found[0]
    part = "t10k" if split == TEST else split
    rule = f"must hold one file such as {part}-{kind}-idx{3 if kind == 'images' else 1}-ubyte(.gz)"
    value = ", ".join(printable(file.name) for file in found[:4]) or "none"
    remedy = "Check the folder's name."
    if found:
        remedy = "Write what the wanted names begin with behind it: idx:FOLDER/emnist-letters."
    raise ConfigError(problem(str(path), rule, value, remedy))
