"""ImageSet: images in the form that the network takes, with labels and a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qnas._util.field_types import normalise_fields
from qnas.architecture import MOST
from qnas.data.files import ImageFiles
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem
from qnas.numerics import act_max


@dataclass(frozen=True, slots=True)
class DataHeader:
    """Facts about a data set.

    Attributes:
        name: Name of the data set.
        shape: (n, C, H, W) of all images.
        class_counts: Images of each class that are not held out.
        held_out: Number of images, at the end, for the report.
        validation: Number of images, before those, for the search.
        remarks: Sentences for the user.
    """

    name: str
    shape: tuple[int, ...]
    class_counts: tuple[int, ...]
    held_out: int = 0
    validation: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_counts)


class Images(Protocol):
    """Protocol: the common interface of an array (n, C, H, W) of float32 and of images on disk."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any, /) -> NDArray[np.float32]: ...


MOST_CLASSES = MOST["num_classes"]
_ARRAY, _CLASSES = "must be a NumPy array", f"must lie in 1..{MOST_CLASSES:,}"


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with their labels.

    Attributes:
        name: Name of the data set.
        images: (n, C, H, W) float32, normalised, in memory or on disk.
        labels: (n,) int64 in 0..num_classes-1.
        num_classes: Number of classes.
        input_step: Step of the 6-bit input: an image becomes
            clip(round(image / input_step), -31, 31).
        held_out: Number of images, at the end, that the data set reserves for the report.
        validation: Number of images, before those, that the data set reserves for the search.
        class_names: A name for each class; by default their numbers.
        pixels: How bytes 0..255 became these images, for a board to do the same to a file; None if
            they were no bytes.
        remarks: Sentences for the user on how the data were read.
    """

    name: str
    images: NDArray[np.float32] | ImageFiles
    labels: NDArray[np.int64]
    num_classes: int
    input_step: float
    held_out: int = 0
    validation: int = 0
    class_names: tuple[str, ...] = ()
    pixels: PixelConfig | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        normalise_fields(self, skip=("images", "labels", "pixels"))
        self._check(
            ("images", isinstance(self.images, np.ndarray | ImageFiles), _ARRAY, self.images),
            ("labels", isinstance(self.labels, np.ndarray), _ARRAY, self.labels),
        )
        shape, labels, names = self.images.shape, self.labels, self.class_names
        known = isinstance(self.pixels, PixelConfig | None)
        apart = self.held_out + self.validation
        self._check(
            ("images", len(shape) == 4, "must be (n, C, H, W)", shape),
            ("images", 0 not in shape, "must hold pixels", shape),
            ("labels", labels.dtype == np.int64, "must be int64", labels.dtype),
            (
                "labels",
                labels.shape == shape[:1],
                f"must be one an image ({shape[0]})",
                labels.shape,
            ),
            ("input_step", self.input_step > 0, "must be positive", self.input_step),
            ("held_out", self.held_out >= 0, "must be 0 or more", self.held_out),
            ("validation", self.validation >= 0, "must be 0 or more", self.validation),
            ("held_out + validation", apart < len(labels), "must leave images to train on", apart),
            ("class_names", len(names) in (0, self.num_classes), "must be one a class", names),
            ("pixels", known, "must be a PixelConfig or None", self.pixels),
            ("num_classes", 0 < self.num_classes <= MOST_CLASSES, _CLASSES, self.num_classes),
        )
        if not names:
            object.__setattr__(self, "class_names", tuple(map(str, range(self.num_classes))))
        if isinstance(self.images, np.ndarray):
            real = self.images.dtype == np.float32
            self._check(("images", real, "must be float32", self.images.dtype))
            finite = bool(np.isfinite(self.images).all())
            self._check(("images", finite, "must be finite", "NaN or infinity"))
        if labels.min() < 0 or labels.max() >= self.num_classes:
            rule, value = (
                f"must lie in 0..{self.num_classes - 1}",
                f"{labels.min()}..{labels.max()}",
            )
            remedy = "Correct the labels or the number of classes."
            raise ConfigError(problem("labels", rule, value, remedy))

    @staticmethod
    def _check(*rules: tuple[str, bool, str, object]) -> None:
        """Check rules, each given as (subject, whether it holds, rule, value)."""
        for subject, holds, rule, value in rules:
            if not holds:
                raise ConfigError(problem(subject, rule, f"{value!s:.80}", "Correct the data."))

    @property
    def header(self) -> DataHeader:
        """Facts that are known without the images."""
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
        """Hash of images and labels as 64 hexadecimal digits; for files, of `ImageFiles.digest`."""
        if isinstance(self.images, ImageFiles):
            state = hashlib.sha256(self.images.digest.encode())
        else:
            state = hashlib.sha256(np.ascontiguousarray(self.images, dtype="<f4").tobytes())
        state.update(self.labels.astype("<i8").tobytes())
        return state.hexdigest()

    def subset(
        self, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32] | ImageFiles, NDArray[np.int64]]:
        """Select images, which stay on disk if they are there, and their labels."""
        if isinstance(self.images, ImageFiles):
            return self.images.subset(indices.tolist()), self.labels[indices]
        return self.images[indices], self.labels[indices]

    def step_for(self, activation_bits: int) -> float:
        """`input_step` for another activation width: the same range in smaller or larger steps."""
        return self.input_step * act_max(6) / act_max(activation_bits)
