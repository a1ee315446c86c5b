"""Data sets of arrays: their parts are combined, checked and converted to an ImageSet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.data.array_pixels import Axes, as_images, channel_axes, transposed
from qnas.data.image_set import DataHeader, ImageSet
from qnas.data.labels import Labels, check_classes, class_numbers, from_zero
from qnas.data.layout import TEST, TRAIN, VALIDATION
from qnas.data.opening import check_memory
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem

FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class ArrayPart:
    """One split, with its labels as stored.

    Attributes:
        images_name: Name of the images in messages.
        labels_name: Name of the labels in messages.
        shape: Shape of the images.
        dtype: Type of the images.
        labels: The labels.
        read: Reads the images.
    """

    images_name: str
    labels_name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    labels: NDArray[Any]
    read: Callable[[], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ArrayData:
    """The splits of a data set, always with TRAIN, before their images are read."""

    subject: str  # name of the data set in messages
    parts: tuple[ArrayPart, ...]
    labels: Labels
    class_names: tuple[str, ...]  # the stored labels
    axes: Axes
    header: DataHeader

    @classmethod
    def of(
        cls,
        splits: Mapping[str, ArrayPart],
        *,
        name: str,
        size: int,
        channels: int,
        remarks: tuple[str, ...] = (),
    ) -> ArrayData:
        """Combine and check splits.

        Raises:
            ConfigError: Shapes, types, lengths or labels do not match.
        """
        parts = [splits[split] for split in (TRAIN, VALIDATION, TEST) if split in splits]
        subject, axes = name.partition(":")[2] or name, _axes(parts, size=size, channels=channels)
        numbers, counted = from_zero(
            [
                class_numbers(part.labels, images=part.shape[0], subject=part.labels_name)
                for part in parts
            ]
        )
        labels, others = np.concatenate(numbers), np.concatenate([numbers[0][:0], *numbers[1:]])
        classes = check_classes(numbers[0], others, subject=subject)
        shape = _shape(parts[0].shape, axes)
        lengths = {split: splits[split].shape[0] if split in splits else 0 for split in _OTHERS}
        header = DataHeader(
            name,
            (len(labels), *shape[1:]),
            tuple(np.bincount(numbers[0], minlength=classes).tolist()),
            held_out=lengths[TEST] or lengths[VALIDATION],
            validation=lengths[VALIDATION] if lengths[TEST] else 0,
            remarks=(*remarks, *counted),
        )
        check_memory(f"{subject}: images", math.prod(header.shape) * FLOAT_BYTES)
        names = tuple(str(label + bool(counted)) for label in range(classes))
        return cls(subject, tuple(parts), labels, names, axes, header)

    def load(self, pixels: PixelConfig) -> ImageSet:
        """Read all images into memory.

        Raises:
            ConfigError: The numbers are not pixels.
        """
        subject, header = f"{self.subject}: images", self.header
        raw = np.concatenate([transposed(part.read(), self.axes) for part in self.parts])
        images, step, used, remarks = as_images(raw, pixels, subject=subject)
        return ImageSet(
            name=header.name,
            images=images,
            labels=self.labels,
            num_classes=header.num_classes,
            input_step=step,
            held_out=header.held_out,
            validation=header.validation,
            class_names=self.class_names,
            pixels=used,
            remarks=(*header.remarks, *remarks),
        )


_OTHERS = (VALIDATION, TEST)
_KINDS = "must be (n, H, W), (n, H, W, 1 or 3) or (n, 1 or 3, H, W) of numbers"


def _axes(parts: list[ArrayPart], *, size: int, channels: int) -> Axes:
    first, *others = parts
    axes = channel_axes(first.shape, size=size, channels=channels)
    if axes is None or 0 in first.shape or first.dtype.kind not in "biuf":
        value, remedy = f"{first.dtype} {first.shape}", "Store them so."
        raise ConfigError(problem(first.images_name, _KINDS, value, remedy))
    for part in others:
        if not math.prod(part.shape):
            rule, value = "must hold images", f"{part.dtype} {part.shape}"
            raise ConfigError(problem(part.images_name, rule, value, "Add some, or leave it out."))
        if (part.shape[1:], part.dtype.kind) != (first.shape[1:], first.dtype.kind):
            rule = f"must be like {first.images_name}, {first.dtype} {first.shape[1:]}"
            value = f"{part.dtype} {part.shape[1:]}"
            raise ConfigError(problem(part.images_name, rule, value, "Store them alike."))
    return axes


def _shape(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    return tuple(1 if axis < 0 else shape[axis] for axis in axes)
