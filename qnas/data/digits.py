"""scikit-learn's handwritten digits: 1,797 real 8x8 images of 17 grey levels, in its wheel.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

import numpy as np

from qnas.data.image_set import DataHeader, ImageSet
from qnas.data.pixels import PixelConfig

CLASS_COUNTS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)


def load_digits() -> ImageSet:
    """Load (1797, 1, 8, 8) images, scaled from 0..16 to -1..1."""
    from sklearn.datasets import load_digits as load

    bunch = load()
    images = (bunch.images.astype(np.float32) / 8.0 - 1.0)[:, None]
    return ImageSet(
        name="digits",
        images=images,
        labels=bunch.target.astype(np.int64),
        num_classes=10,
        input_step=1 / 31,
        pixels=PixelConfig(),
    )


def peek_digits() -> DataHeader:
    """Return the header of `load_digits`, without importing scikit-learn."""
    return DataHeader("digits", (sum(CLASS_COUNTS), 1, 8, 8), CLASS_COUNTS)
