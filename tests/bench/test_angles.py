"""The turned images: a quarter turn is NumPy's, none changes nothing."""

from __future__ import annotations

import numpy as np

from tests.bench.angles import ANGLES, SPACE, turned


def test_turns_are_about_the_middle() -> None:
    image = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    assert np.array_equal(turned(image, 0.0), image)
    np.testing.assert_allclose(turned(image, np.pi / 2), np.rot90(image, -1), atol=1e-5)
    assert SPACE.num_classes == ANGLES
