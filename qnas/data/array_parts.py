"""Data sets of arrays: their parts are combined, checked and converted to an ImageSet, their
labels to class numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.files import check_memory
from qnas.data.array_pixels import Axes, as_images, channel_axes, transposed
from qnas.data.image_set import DataHeader, ImageSet
from qnas.data.layout import TEST, TRAIN, VALIDATION
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem

Labels = NDArray[np.int64]
LARGEST = 1 << 62
FLOAT_BYTES = 4


def class_numbers(labels: NDArray[Any], *, images: int, subject: str) -> Labels:
    """Convert stored labels to class numbers.

    Args:
        labels: Integers or whole numbers of any type: (n,), (n, 1), or one-hot (n, C).
        images: Number of images.
        subject: Name of the labels in messages.

    Returns:
        (images,) int64.

    Raises:
        ConfigError: The labels have another form.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
    rule = f"must be integers, one an image ({images}), or one-hot"
    if labels.shape != (images,) or labels.dtype.kind not in "biuf":
        remedy = "Number the classes 0, 1, 2, ..."
        raise ConfigError(problem(subject, rule, f"{labels.dtype} {labels.shape}", remedy))
    if labels.dtype.kind == "f" and not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise ConfigError(problem(subject, rule, "fractions", "Number the classes 0, 1, 2, ..."))
    if labels.size and labels.max() > LARGEST:  # int64 would overflow
        rule = f"must be below the number of images ({images})"
        raise ConfigError(problem(subject, rule, labels.max(), "Number classes without gaps."))
    return labels.astype(np.int64)


def _is_one_hot(labels: NDArray[Any]) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(axis=1, dtype=np.int64) == 1).all())


def from_zero(parts: Sequence[Labels]) -> tuple[list[Labels], tuple[str, ...]]:
    """Renumber labels that count from 1 without a gap, as EMNIST's letters do, to count from 0.

    Returns:
        The labels, and a remark if they were renumbered.
    """
    used = np.unique(np.concatenate(parts))
    if not used.size or used[0] != 1 or used[-1] != len(used):
        return list(parts), ()
    remark = f"Labels 1..{len(used)} are read as classes 0..{len(used) - 1}."
    return [part - 1 for part in parts], (remark,)


def check_classes(train: Labels, others: Labels, *, subject: str) -> int:
    """Count the classes and check that each of 0..highest has a training image.

    Raises:
        ConfigError: A class has no training image, or `others`, the held-out images, have a label
            that no training image has.
    """
    if train.size and train.min() < 0:
        raise ConfigError(
            problem(f"{subject}: labels", "must be 0 or more", train.min(), "Correct them.")
        )
    if train.size and int(train.max()) >= train.size:  # avoids an array of that size
        rule = f"must be below the number of images to train on ({train.size})"
        remedy = "Number classes without gaps."
        raise ConfigError(problem(f"{subject}: labels", rule, train.max(), remedy))
    counts = np.bincount(train)
    empty = np.flatnonzero(counts == 0)
    if not counts.size or empty.size:
        rule = "must give every class an image to train on"
        value = f"none of {', '.join(map(str, empty[:8]))}" if counts.size else "no images"
        raise ConfigError(problem(f"{subject}: labels", rule, value, "Number them without gaps."))
    unknown = np.setdiff1d(others, np.arange(len(counts)))
    if unknown.size:
        rule = f"must lie in 0..{len(counts) - 1}, as those to train on do"
        value = ", ".join(map(str, unknown[:8]))
        raise ConfigError(problem(f"{subject}: held-out labels", rule, value, "Correct them."))
    return len(counts)


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
