"""Labels of a data set: conversion of stored labels to class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.errors import ConfigError, problem

Labels = NDArray[np.int64]
LARGEST = 1 << 62


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
