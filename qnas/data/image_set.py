"""ImageSet: images as the network takes them, with labels and a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas.errors import ConfigError, problem


@dataclass(frozen=True, eq=False)
class ImageSet:
    """images (n, C, H, W) float32, normalised; labels (n,) int64 in 0..num_classes-1.

    `input_step` is the value of one step of the 6-bit input: images are read as
    clip(round(image / input_step), -31, 31). The last `held_out` images are the data set's own to
    report on (0: it has none).
    """

    name: str
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    num_classes: int
    input_step: float
    held_out: int = 0

    def __post_init__(self) -> None:
        rules = [
            ("images", self.images.ndim == 4, "must be (n, C, H, W)", self.images.shape),
            ("images", self.images.dtype == np.float32, "must be float32", self.images.dtype),
            ("labels", self.labels.dtype == np.int64, "must be int64", self.labels.dtype),
            ("images", bool(np.isfinite(self.images).all()), "must be finite", "NaN or infinity"),
            (
                "labels",
                self.labels.shape == self.images.shape[:1],
                f"must be one an image ({len(self.images)})",
                self.labels.shape,
            ),
            (
                "held_out",
                0 <= self.held_out < max(len(self.labels), 1),
                "must leave images to train on",
                self.held_out,
            ),
        ]
        for subject, holds, rule, value in rules:
            if not holds:
                raise ConfigError(problem(subject, rule, value, "Correct the data."))
        if self.labels.min() < 0 or self.labels.max() >= self.num_classes:
            raise ConfigError(
                problem(
                    "labels",
                    f"must lie in 0..{self.num_classes - 1}",
                    f"{self.labels.min()}..{self.labels.max()}",
                    "Correct the labels or the number of classes.",
                )
            )

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over images and labels."""
        state = hashlib.sha256(np.ascontiguousarray(self.images, dtype="<f4").tobytes())
        state.update(self.labels.astype("<i8").tobytes())
        return state.hexdigest()
