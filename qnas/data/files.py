"""ImageFiles: images on disk with the interface of an array, decoded on access; and the check of
all of them, before anything depends on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import canonical_json
from qnas.data.image_file import (
    LEAST_RANGE,
    ImageHeader,
    decode_image,
    level_range,
    quiet_pillow,
    read_header,
)
from qnas.data.image_reading import centre_of
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, printable, problem

DECODERS = 8  # threads; Pillow releases the interpreter's lock while it decodes
Indices = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images (n, C, size, size) in files.

    `images[i:j]` and `images[indices]` decode on every access, to normalised float32. Images are
    converted to colour if `channels` is 3 and to grey if it is 1.

    Attributes:
        root: The folder.
        names: Paths relative to `root`.
        sizes: Bytes of each file.
        size: Height and width in pixels.
        channels: 1 or 3.
        pixels: Conversion of pixels to numbers.
    """

    root: Path
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    size: int
    channels: int
    pixels: PixelConfig

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, C, H, W)."""
        return (len(self.names), self.channels, self.size, self.size)

    @property
    def digest(self) -> str:
        """Hash of names, file sizes and conversion.

        The contents are not hashed: ImageNet's 140 GB would take minutes.
        """
        facts = [list(zip(self.names, self.sizes, strict=True)), self.size, self.channels]
        return hashlib.sha256(canonical_json([*facts, self.pixels]).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, key: slice | Indices) -> NDArray[np.float32]:
        """Decode images.

        Raises:
            ConfigError: A file is not a readable image; the message names the first.
        """
        return self.pixels.normalise(self.decoded(np.arange(len(self))[key]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        everything: NDArray[Any] = self[:]
        return everything if dtype is None else everything.astype(dtype)

    def subset(self, indices: Iterable[int]) -> ImageFiles:
        """Select files by index, in the given order, without reading them."""
        chosen = list(indices)
        names = tuple(self.names[i] for i in chosen)
        return replace(self, names=names, sizes=tuple(self.sizes[i] for i in chosen))

    def path(self, index: int) -> Path:
        """Path of a file."""
        return self.root / self.names[index]

    def header(self, index: int) -> ImageHeader:
        """Read a file's header without decoding the file.

        Raises:
            ConfigError: The file cannot be an image.
        """
        return read_header(self.path(index), self.pixels)

    def decoded(self, indices: Indices) -> NDArray[np.uint8]:
        """Decode to (len(indices), C, size, size), 0..255: resized and cropped to the centre."""
        found = np.empty((len(indices), *self.shape[1:]), np.uint8)
        for place, image in enumerate(self.each(indices, self._centre)):
            found[place] = image
        return found

    def each(self, indices: Iterable[int], read: Callable[[int], T]) -> Iterator[T]:
        """Yield `read(index)` of each index, in order, computed by several threads.

        Only a few results are kept waiting at a time.
        """
        waiting = iter(indices)
        with quiet_pillow(), ThreadPoolExecutor(DECODERS) as pool:
            while batch := list(islice(waiting, 16 * DECODERS)):
                yield from pool.map(read, batch)

    def open(self, index: int) -> Any:
        """Decode a file to an RGB or grey PIL image of its own size."""
        with quiet_pillow():
            return self.decode(index)

    def decode(self, index: int) -> Any:
        """`open` without handling of Pillow's warnings, for threads whose caller handles them."""
        return decode_image(self.path(index), channels=self.channels, pixels=self.pixels)

    def _centre(self, index: int) -> NDArray[np.uint8]:
        return centre_of(
            self.decode(index),
            size=self.size,
            shorter_side=self.pixels.shorter_side(self.size),
            interpolation=self.pixels.interpolation,
        )


@dataclass(frozen=True, eq=False)
class DecodedImages:
    """Decoded images in memory as bytes (a quarter of float32), normalised on access."""

    values: NDArray[np.uint8]
    pixels: PixelConfig

    @classmethod
    def of(cls, files: ImageFiles) -> DecodedImages:
        """Decode all files."""
        return cls(files.decoded(np.arange(len(files))), files.pixels)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, key: slice | Indices) -> NDArray[np.float32]:
        return self.pixels.normalise(self.values[key])


NAMED = 4


def check_files(files: ImageFiles, on_read: Callable[[int], None]) -> tuple[str, ...]:
    """Decode every file.

    Args:
        files: The files.
        on_read: Called with the number of files read so far.

    Returns:
        Remarks about uniform images.

    Raises:
        ConfigError: Files cannot be decoded or converted (the message explains the first and names
            some others), or no image uses LEAST_RANGE levels.
    """
    faults: list[tuple[int, ConfigError]] = []
    widest = uniform = 0
    for index, found in enumerate(files.each(range(len(files)), lambda i: _look(files, i))):
        if isinstance(found, ConfigError):
            faults.append((index, found))
        else:
            widest, uniform = max(widest, found), uniform + (found == 0)
        on_read(index + 1)
    if faults:
        raise ConfigError(f"{faults[0][1]}{_others(files, [index for index, _ in faults[1:]])}")
    if widest < LEAST_RANGE:
        rule = f"must hold an image that uses {LEAST_RANGE} of 256 levels"
        remedy = "If pixels have more than 8 bits, write the value of white as `white` in [images]."
        raise ConfigError(problem(str(files.root), rule, f"{widest + 1} at most", remedy))
    if uniform:
        return (f"{uniform:,} of {len(files):,} images are of one value throughout.",)
    return ()


def _look(files: ImageFiles, index: int) -> ConfigError | int:
    """The error of a file, or the number of levels that it spans."""
    try:
        return level_range(files.decode(index))
    except ConfigError as error:
        return error


def _others(files: ImageFiles, indices: list[int]) -> str:
    if not indices:
        return ""
    names = ", ".join(printable(files.names[index]) for index in indices[:NAMED])
    return f" {len(indices):,} more cannot be read: {names}{', ...' * (len(indices) > NAMED)}"
