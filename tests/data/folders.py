"""Small folders of real image files, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make_folder(
    root: Path, *, classes: int = 3, train: int = 4, held_out: int = 2, size: int = 40
) -> Path:
    """train/ and val/ of noise around a colour that is the class's own: JPEG, PNG, one grey."""
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("val", held_out)):
        for label in range(classes):
            folder = root / part / f"class{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                noise = rng.integers(0, 64, (size, size + 8 * index, 3))
                noise[..., label % 3] += 150
                image = Image.fromarray(noise.astype(np.uint8))
                suffix = ".png" if index % 2 else ".JPEG"
                grey = index == 1
                (image.convert("L") if grey else image).save(folder / f"{index}{suffix}")
    return root
