"""Metrics of a classifier beside top-1: top-5, macro F1, accuracy by class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.int64]
TOP = 5


def class_accuracies(labels: Classes, predicted: Classes) -> NDArray[np.float64]:
    """Compute the share of each class's images that get the class (its recall).

    Args:
        labels: (n,) the classes of images.
        predicted: (n,) the classes that a network gives them.

    Returns:
        (highest label + 1,), fractions 0..1; NaN for a class without images.
    """
    count = np.bincount(labels)
    right = np.bincount(labels[labels == predicted], minlength=len(count))
    shares: NDArray[np.float64] = np.full(len(count), np.nan)
    np.divide(right, count, out=shares, where=count > 0)
    return shares


def macro_f1(labels: Classes, predicted: Classes) -> float:
    """Compute the mean over classes of F1 = 2 TP / (2 TP + FP + FN), a fraction 0..1.

    Args:
        labels: (n,) the classes of images.
        predicted: (n,) the classes that a network gives them.

    Returns:
        The mean over the classes that occur in either array, as scikit-learn's `f1_score` with
        `average="macro"`.
    """
    classes = int(max(labels.max(), predicted.max())) + 1
    named, given = (np.bincount(a, minlength=classes) for a in (labels, predicted))
    right = np.bincount(labels[labels == predicted], minlength=classes)
    total = named + given  # 2 TP + FP + FN
    return float((2 * right[total > 0] / total[total > 0]).mean())


def in_top(logits: NDArray[np.int64] | NDArray[np.float32], labels: Classes) -> NDArray[np.bool_]:
    """Find the images whose class is among the TOP most likely ones.

    Args:
        logits: (n, classes).
        labels: (n,) the classes of images.

    Returns:
        (n,); of equal logits the lower class counts as more likely.
    """
    own = logits[np.arange(len(labels)), labels][:, None]
    before = np.arange(logits.shape[1]) < labels[:, None]
    better = (logits > own) | ((logits == own) & before)
    return np.asarray(better.sum(axis=1) < TOP)
