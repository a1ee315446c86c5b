"""Images on which 4 bits cost accuracy: how far is a garment of Fashion-MNIST turned?

The study `angles.toml` beside it tells 36 angles apart, ten degrees from each other, as in
self-supervised training by rotations (arXiv:1803.07728), there in steps of 90 degrees. Neighbouring
classes differ little, so that small errors of the weights decide.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from qnas.data import load_data
from qnas.data.image_set import ImageSet
from qnas.spaces import load_space

ANGLES, TRAIN, REPORT, SEED = 36, 20_000, 5_000, 0

SPACE = replace(
    load_space("tiny28"),
    name="angles28",
    patch_size=7,
    num_classes=ANGLES,
    embed_dims=(32, 48, 64),
    depths=(2, 3, 4),
)


def load() -> ImageSet:
    """Fashion-MNIST's images, each turned by an angle at random, which is its class; images to
    report on are of its test images."""
    upright, rng = load_data("fashion_mnist"), np.random.default_rng(SEED)
    border = len(upright.labels) - upright.held_out
    chosen = np.concatenate(
        [
            rng.choice(border, TRAIN, replace=False),
            border + rng.choice(upright.held_out, REPORT, replace=False),
        ]
    )
    labels = rng.integers(0, ANGLES, len(chosen))
    images = np.stack(
        [
            turned(image[0], 2 * np.pi * label / ANGLES)
            for image, label in zip(upright.images[chosen], labels, strict=True)
        ]
    )
    return ImageSet(
        name="angles",
        images=images[:, None],
        labels=labels,
        num_classes=ANGLES,
        input_step=upright.input_step,
        held_out=REPORT,
    )


def turned(image: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    """`image` (H, W) turned about its middle by `angle` (radians), by linear interpolation; what
    was outside is as dark as its darkest pixel."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - turn @ middle
    result: NDArray[np.float32] = affine_transform(
        image, turn, offset=offset, order=1, cval=image.min()
    )
    return result
