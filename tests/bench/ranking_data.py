"""What the ranking benchmark trains and tests on: seeded, stratified parts of each data set."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from qnas.data import load_data
from qnas.data.image_set import ImageSet
from qnas.space import SearchSpace
from qnas.spaces import load_space

# Patches larger than those of the named spaces: 16 tokens in place of 49 and 64, so that a core
# trains thousands of images a second.
SPACES = {
    "digits": load_space("digits"),
    "fashion_mnist": replace(load_space("tiny28"), name="tiny28-patch7", patch_size=7),
    "cifar10": replace(load_space("tiny32"), name="tiny32-patch8", patch_size=8),
}
DIGITS_TEST = 597  # digits come without images of their own to report on


@dataclass(frozen=True, eq=False)
class Task:
    """A space and its images: to train on, and to report on."""

    name: str
    space: SearchSpace
    input_step: float
    train: tuple[NDArray[np.float32], NDArray[np.int64]]
    test: tuple[NDArray[np.float32], NDArray[np.int64]]


def load_task(name: str, *, train_images: int, test_images: int, cifar10: Path) -> Task:
    """The task `name` with at most so many images of each split, every class equally thinned."""
    data = load_cifar10(cifar10) if name == "cifar10" else load_data(name)
    border = len(data.labels) - (data.held_out or DIGITS_TEST)
    chosen = {
        "train": _thin(data.labels[:border], train_images),
        "test": _thin(data.labels[border:], test_images) + border,
    }
    train, test = ((data.images[i], data.labels[i]) for i in chosen.values())
    return Task(name, SPACES[name], data.input_step, train, test)


def load_cifar10(archive: Path) -> ImageSet:
    """CIFAR-10 from a tar of `train/CLASS/*.jpg` and `test/CLASS/*.jpg`, classes by their names."""
    pictures: dict[str, list[tuple[str, NDArray[np.uint8]]]] = {"train": [], "test": []}
    for part, label, picture in _pictures(archive):
        pictures[part].append((label, picture))
    names = sorted({label for label, _ in pictures["train"]})
    both = pictures["train"] + pictures["test"]
    pixels = np.stack([picture for _, picture in both]).transpose(0, 3, 1, 2)
    return ImageSet(
        name="cifar10",
        images=pixels.astype(np.float32) / np.float32(127.5) - np.float32(1),
        labels=np.array([names.index(label) for label, _ in both], dtype=np.int64),
        num_classes=len(names),
        input_step=1 / 31,
        held_out=len(pictures["test"]),
    )


def _pictures(archive: Path) -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    from PIL import Image

    with tarfile.open(archive) as stream:
        for member in stream:
            path = PurePosixPath(member.name)
            if path.suffix == ".jpg":
                content = stream.extractfile(member)
                assert content is not None
                picture = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                yield path.parts[-3], path.parts[-2], picture


def _thin(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The first images of every class, `count` in all, in their order."""
    each = count // len(np.unique(labels))
    chosen = [np.flatnonzero(labels == label)[:each] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
