"""scikit-learn's handwritten digits: 1,797 real 8x8 images of 17 grey levels, in its wheel.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.
"""

from __future__ import annotations

import numpy as np

from qnas.data.image_set import ImageSet


def load_digits() -> ImageSet:
    """Images (1797, 1, 8, 8) scaled from 0..16 to -1..1."""
    from sklearn.datasets import load_digits as load

    bunch = load()
    images = (bunch.images.astype(np.float32) / 8.0 - 1.0)[:, None]
    return ImageSet(
        name="digits",
        images=images,
        labels=bunch.target.astype(np.int64),
        num_classes=10,
        input_step=1 / 31,
    )
