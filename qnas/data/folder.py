"""A folder of images in ImageNet's layout: `train/CLASS/*.jpg`, `val/CLASS/*.jpg`.

Classes are numbered in the order of their names, files go by name: the same folder always gives
the same set. Without `train`, the folder's own subfolders are the classes, and the report gets a
share of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnas.data.files import ImageFiles
from qnas.data.image_set import ImageSet
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
HELD_OUT = ("val", "validation", "test")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str  # relative to the root
    bytes: int
    label: int


def load_folder(root: Path, *, size: int, channels: int, pixels: PixelConfig) -> ImageSet:
    """Images (n, channels, size, size) of `root`, decoded when asked for; those of `val` (or
    `validation`, or `test`) last and held out.

    Raises ConfigError for a folder without classes, a class without images, and a held-out class
    that none is trained on.
    """
    if not root.is_dir():
        raise ConfigError(problem("data", "must be a folder", root, "Check the path."))
    train = root / "train" if (root / "train").is_dir() else root
    classes = _classes(train)
    entries = [entry for name in classes for entry in _files(root, train / name, classes[name])]
    held_out = _held_out(root, classes) if train != root else []
    everything = [*entries, *held_out]
    files = ImageFiles(
        root=root,
        names=tuple(entry.name for entry in everything),
        sizes=tuple(entry.bytes for entry in everything),
        size=size,
        channels=channels,
        pixels=pixels,
    )
    return ImageSet(
        name=f"folder:{root}",
        images=files,
        labels=np.array([entry.label for entry in everything], np.int64),
        num_classes=len(classes),
        input_step=pixels.input_step(channels),
        held_out=len(held_out),
    )


def _held_out(root: Path, classes: dict[str, int]) -> list[_Entry]:
    folder = next((root / name for name in HELD_OUT if (root / name).is_dir()), None)
    if folder is None:
        return []
    found = _classes(folder)
    unknown = sorted(set(found) - set(classes))
    if unknown:
        rule = f"must hold classes of {root / 'train'} alone"
        raise ConfigError(problem(str(folder), rule, ", ".join(unknown[:4]), "Move them away."))
    return [entry for name in found for entry in _files(root, folder / name, classes[name])]


def _classes(folder: Path) -> dict[str, int]:
    names = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
    if not names:
        rule = "must hold a folder of images for each class"
        remedy = "Lay it out as train/CLASS/IMAGE and val/CLASS/IMAGE."
        raise ConfigError(problem(str(folder), rule, "no folder", remedy))
    return {name: label for label, name in enumerate(names)}


def _files(root: Path, folder: Path, label: int) -> list[_Entry]:
    with os.scandir(folder) as found:
        images = sorted(
            (entry.name, entry.stat().st_size)
            for entry in found
            if entry.name.lower().endswith(SUFFIXES) and entry.name[0] != "."
        )
    if not images:
        rule = f"must hold an image ({', '.join(SUFFIXES)})"
        raise ConfigError(problem(str(folder), rule, "none", "Add images, or remove the class."))
    prefix = folder.relative_to(root).as_posix()
    return [_Entry(f"{prefix}/{name}", size, label) for name, size in images]
