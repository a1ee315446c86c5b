"""A space small enough to train in a second, and digits to train it on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnas.data import load_data
from qnas.space import SearchSpace

TINY = SearchSpace(
    name="tiny",
    image_size=8,
    patch_size=4,
    in_channels=1,
    num_classes=10,
    head_dim=8,
    embed_dims=(16, 24),
    depths=(1, 2),
    num_heads=(1, 2),
    mlp_ratios=(1.0, 2.0),
)


def digits(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The first `count` digits and their labels."""
    data = load_data("digits")
    return data.images[:count], data.labels[:count]
