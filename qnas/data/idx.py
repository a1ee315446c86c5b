"""IDX files, as MNIST and its successors come: raw or gzipped, images of one channel.

Format: two zero bytes, a type byte (8: unsigned bytes), the number of dimensions, one big-endian
32-bit size a dimension, then the data. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST
database"; Fashion-MNIST: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas.data.image_set import ImageSet
from qnas.data.labels import check_classes
from qnas.errors import ConfigError, problem

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
UNSIGNED_BYTES = 8
MOST_AXES = 4  # more than any file of images or labels has
Bytes = NDArray[np.uint8]


def load_fashion_mnist() -> ImageSet:
    """Fashion-MNIST of Debian's package: 60,000 images to train on and 10,000 held out."""
    if not FASHION_MNIST.is_dir():
        rule = f"must lie in {FASHION_MNIST}"
        remedy = (
            "Run `apt-get install dataset-fashion-mnist` on Debian or Ubuntu; elsewhere, put the "
            'four files into any folder and write `data = "idx:FOLDER"`.'
        )
        raise ConfigError(problem("fashion_mnist", rule, "no such folder", remedy))
    return load_idx(FASHION_MNIST, name="fashion_mnist")


def load_idx(folder: Path, *, name: str = "") -> ImageSet:
    """The images of `train-*` and, behind them and held out, of `t10k-*` in `folder`.

    Images (n, 1, H, W) scaled from 0..255 to -1..1. Raises ConfigError for a missing or damaged
    file, for counts that differ, and for classes that are not 0, 1, 2, ... without a gap.
    """
    train, train_labels = _part(folder, "train")
    test, test_labels = _part(folder, "t10k")
    if train.shape[1:] != test.shape[1:]:
        rule = f"must be as large as those to train on, {train.shape[1:]}"
        remedy = "Put files of one data set there."
        raise ConfigError(problem(f"{folder}: t10k images", rule, test.shape[1:], remedy))
    classes = check_classes(train_labels, test_labels, subject=str(folder))
    pixels = np.concatenate([train, test])[:, None].astype(np.float32)
    return ImageSet(
        name=name or f"idx:{folder}",
        images=pixels / np.float32(127.5) - np.float32(1),
        labels=np.concatenate([train_labels, test_labels]).astype(np.int64),
        num_classes=classes,
        input_step=1 / 31,
        held_out=len(test),
    )


def read_idx(path: Path) -> Bytes:
    """The array of one file; ConfigError if its header and its content disagree."""
    content = _content(path)
    rule = "must be an IDX file of unsigned bytes"
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTES:
        raise ConfigError(problem(str(path), rule, f"it begins with {content[:4]!r}", _AGAIN))
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise ConfigError(problem(str(path), rule, f"{len(content)} bytes", _AGAIN))
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(shape) > MOST_AXES:
        raise ConfigError(problem(str(path), rule, f"{len(shape)} dimensions", _AGAIN))
    values = np.frombuffer(content, np.uint8, offset=start)
    if values.size != math.prod(shape):
        rule = f"must hold the {' x '.join(map(str, shape))} bytes of its header"
        raise ConfigError(problem(str(path), rule, values.size, _AGAIN))
    return values.reshape(shape)


_AGAIN = "Fetch the file again."


def _part(folder: Path, part: str) -> tuple[Bytes, Bytes]:
    images_path = _find(folder, f"{part}-images-idx3-ubyte")
    labels_path = _find(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, axes in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.ndim != axes or not array.size:
            rule = f"must have {axes} dimensions, none of them empty"
            raise ConfigError(problem(str(path), rule, array.shape, _AGAIN))
    if len(images) != len(labels):
        rule = f"must be as many as the images of {images_path.name} ({len(images)})"
        raise ConfigError(problem(str(labels_path), rule, len(labels), _AGAIN))
    return images, labels


def _find(folder: Path, stem: str) -> Path:
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            return path
    rule = f"must hold {stem} or {stem}.gz"
    raise ConfigError(problem(str(folder), rule, "neither", "Check the folder's name."))


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        rule = "must be a whole, readable file"
        raise ConfigError(problem(str(path), rule, error, _AGAIN)) from None
