"""ImageSet: images as the network takes them, with labels and a digest."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qnas.data.files import ImageFiles
from qnas.data.header import DataHeader
from qnas.errors import ConfigError, problem
from qnas.numerics import act_max


class Images(Protocol):
    """What an array (n, C, H, W) of float32 and images on disk have in common."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class ImageSet:
    """images (n, C, H, W) float32, normalised, in memory or on disk; labels (n,)
    int64 in 0..num_classes-1.

    `input_step` is the value of one step of the 6-bit input: images are read as
    clip(round(image / input_step), -31, 31). The last `held_out` images are the data set's own to
    report on (0: it has none), and the `validation` images before them its own to search with.
    `remarks` say what a user should know of how the data were read.
    """

    name: str
    images: NDArray[np.float32] | ImageFiles
    labels: NDArray[np.int64]
    num_classes: int
    input_step: float
    held_out: int = 0
    validation: int = 0
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.images.shape
        rules = [
            ("images", len(shape) == 4, "must be (n, C, H, W)", shape),
            ("labels", self.labels.dtype == np.int64, "must be int64", self.labels.dtype),
            (
                "labels",
                self.labels.shape == shape[:1] and len(self.labels) > 0,
                f"must be one an image ({len(self.images)})",
                self.labels.shape,
            ),
            (
                "held_out + validation",
                min(self.held_out, self.validation) >= 0
                and self.held_out + self.validation < max(len(self.labels), 1),
                "must leave images to train on",
                f"{self.held_out} + {self.validation}",
            ),
            (
                "input_step",
                0 < self.input_step < math.inf,
                "must be positive and finite",
                self.input_step,
            ),
        ]
        if isinstance(self.images, np.ndarray):
            finite = self.images.dtype != np.float32 or bool(np.isfinite(self.images).all())
            rules += [
                ("images", self.images.dtype == np.float32, "must be float32", self.images.dtype),
                ("images", finite, "must be finite", "NaN or infinity"),
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
    def header(self) -> DataHeader:
        """What does not need the images."""
        others = self.held_out + self.validation
        counts = np.bincount(self.labels[: len(self.labels) - others], minlength=self.num_classes)
        return DataHeader(
            self.name,
            tuple(self.images.shape),
            tuple(counts.tolist()),
            held_out=self.held_out,
            validation=self.validation,
            remarks=self.remarks,
        )

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over images and labels (of files: over what `ImageFiles` says)."""
        if isinstance(self.images, ImageFiles):
            state = hashlib.sha256(self.images.digest.encode())
        else:
            state = hashlib.sha256(np.ascontiguousarray(self.images, dtype="<f4").tobytes())
        state.update(self.labels.astype("<i8").tobytes())
        return state.hexdigest()

    def subset(
        self, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32] | ImageFiles, NDArray[np.int64]]:
        """The chosen images, on disk where these are, and their labels."""
        if isinstance(self.images, ImageFiles):
            return self.images.subset(indices.tolist()), self.labels[indices]
        return self.images[indices], self.labels[indices]

    def step_for(self, activation_bits: int) -> float:
        """`input_step` of a network of that width: the same range in its finer steps."""
        return self.input_step * act_max(6) / act_max(activation_bits)
