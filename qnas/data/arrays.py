"""NumPy files: arrays of images and of labels under their usual names, including Keras'.

An array's name combines a split (`train`, `val`, `test` and others that `split_names` knows, or
none) and its content, in either order: `images`, `x_train`, `test_labels`.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.files import check_memory, open_data
from qnas.data.array_parts import ArrayData, ArrayPart
from qnas.data.image_set import DataHeader, ImageSet
from qnas.data.layout import TEST, TRAIN, VALIDATION, split_of
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, printable, problem

IMAGES = ("images", "image", "imgs", "x", "data")
LABELS = ("labels", "label", "y", "targets", "target")
NAMED = 12  # most arrays that a message lists
LONGEST_HEADER = 10_000
SUFFIX = ".npy"
REMEDY = "Write it again with numpy.savez(file, images=..., labels=...)."


@dataclass(frozen=True, slots=True)
class _Array:
    """The header of one array."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{printable(self.key)} {self.dtype} {self.shape}"


def load_numpy(path: Path, *, size: int, channels: int, pixels: PixelConfig) -> ImageSet:
    """Load the images of an .npz file; those of `val` and `test` arrays come last.

    Images are (n, H, W), or have a channel axis, first or last. Integers and whole numbers are
    normalised by `pixels`; other floating-point numbers are kept. Labels are whole numbers of any
    type, or one-hot.

    Args:
        path: The file. Objects in it are never unpickled.
        size: Image size of the space.
        channels: Channels of the space.
        pixels: Conversion of pixels to numbers.

    Raises:
        ConfigError: The file cannot be read, or arrays have unknown names, or shapes, types or
            lengths that do not match.
    """
    return _data(path, size=size, channels=channels).load(pixels)


def peek_numpy(path: Path, *, size: int, channels: int) -> DataHeader:
    """Read the headers of the arrays, and the labels. Raises as `load_numpy`."""
    return _data(path, size=size, channels=channels).header


def _data(path: Path, *, size: int, channels: int) -> ArrayData:
    arrays, others = _headers(path)
    splits, unused = _splits(path, arrays)
    parts = {
        split: ArrayPart(
            images_name=f"{path}: {images.key}",
            labels_name=f"{path}: {labels.key}",
            shape=images.shape,
            dtype=images.dtype,
            labels=_read(path, labels),
            read=partial(_read, path, images),
        )
        for split, (images, labels) in splits.items()
    }
    names = ", ".join([*map(str, unused), *map(printable, others)][:NAMED])
    remarks = (f"Not read in {printable(str(path))}: {names}.",) if names else ()
    return ArrayData.of(parts, name=f"numpy:{path}", size=size, channels=channels, remarks=remarks)


def _splits(
    path: Path, arrays: list[_Array]
) -> tuple[dict[str, tuple[_Array, _Array]], list[_Array]]:
    """Find images and labels of each split, and the arrays whose names are unknown."""
    found: dict[tuple[str, str], list[_Array]] = {}
    unused = []
    for array in arrays:
        role = _role(array.key)
        if role:
            found.setdefault(role, []).append(array)
        else:
            unused.append(array)
    splits = {}
    for split in (TRAIN, VALIDATION, TEST):
        pair = found.get((split, "images"), []), found.get((split, "labels"), [])
        if split == TRAIN or any(pair):
            splits[split] = (
                _one(path, split, "images", pair[0], arrays),
                _one(path, split, "labels", pair[1], arrays),
            )
    return splits, unused


def _one(path: Path, split: str, kind: str, found: list[_Array], arrays: list[_Array]) -> _Array:
    if len(found) == 1:
        return found[0]
    name = kind if split == TRAIN else f"{split}_{kind}"
    rule = f"must hold `{name}`" + (" once" if found else "")
    shown = [str(array) for array in (found or arrays)[:NAMED]]
    value = ", ".join(shown) or "no array"
    remedy = f"Name the arrays `images` and `labels`, or `x_train` and `y_train`. {REMEDY}"
    raise ConfigError(problem(str(path), rule, value, remedy))


def _role(key: str) -> tuple[str, str] | None:
    """(split, "images" or "labels") of an array's name; None if the name says neither."""
    words = re.findall(r"[a-z0-9]+", key.casefold())
    if len(words) == 1:  # xtrain, ytest
        glued = re.fullmatch(r"([xy])(train|test|val|valid)", words[0])
        words = [*glued.groups()] if glued else words
    kinds = ["images" if w in IMAGES else "labels" for w in words if w in IMAGES + LABELS]
    splits = [split_of(word) for word in words if split_of(word)]
    if len(kinds) != 1 or len(splits) > 1 or len(kinds) + len(splits) != len(words):
        return None
    return (splits or [TRAIN])[0], kinds[0]


def _headers(path: Path) -> tuple[list[_Array], list[str]]:
    """Headers of all arrays of the file, in its order, and names of the other members."""
    with _readable(path), open_data(path) as file, zipfile.ZipFile(file) as archive:
        names = [info.filename for info in archive.infolist()]
        found = []
        for info in archive.infolist():
            if info.filename.endswith(SUFFIX):
                with archive.open(info) as member:
                    found.append(_Array(info.filename.removesuffix(SUFFIX), *_header(member)))
        return found, [name for name in names if not name.endswith(SUFFIX)]


def _header(member: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(member)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"version {version} of the format, of named fields")
    shape, _, dtype = readers[version](member, max_header_size=LONGEST_HEADER)
    return shape, dtype


def _read(path: Path, array: _Array) -> NDArray[Any]:
    check_memory(f"{path}: {array.key}", math.prod(array.shape) * array.dtype.itemsize)
    with _readable(path), open_data(path) as file:
        values: NDArray[Any] = np.load(file, allow_pickle=False)[array.key]
        return values


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types
        rule = "must be an .npz file of plain arrays"
        reason = str(error) or type(error).__name__
        raise ConfigError(problem(str(path), rule, reason, REMEDY)) from None
