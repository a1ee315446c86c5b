"""Labels of a data set with images of its own to report on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnas.errors import ConfigError, problem


def check_classes(
    train: NDArray[np.integer], held_out: NDArray[np.integer], *, subject: str
) -> int:
    """The number of classes: every one of 0..highest must have an image to train on.

    Raises ConfigError naming the classes without one, and held-out labels that no training image
    has.
    """
    if train.size and train.min() < 0:
        raise ConfigError(
            problem(f"{subject}: labels", "must be 0 or more", train.min(), "Correct them.")
        )
    if train.size and int(train.max()) >= train.size:  # before as many classes are counted
        rule = f"must be below the number of images to train on ({train.size})"
        remedy = "Number classes without gaps."
        raise ConfigError(problem(f"{subject}: labels", rule, train.max(), remedy))
    counts = np.bincount(train)
    empty = np.flatnonzero(counts == 0)
    if not counts.size or empty.size:
        rule = "must give every class an image to train on"
        value = f"none of {', '.join(map(str, empty[:8]))}" if counts.size else "no images"
        raise ConfigError(problem(f"{subject}: labels", rule, value, "Number them without gaps."))
    unknown = np.setdiff1d(held_out, np.arange(len(counts)))
    if unknown.size:
        rule = f"must lie in 0..{len(counts) - 1}, as those to train on do"
        value = ", ".join(map(str, unknown[:8]))
        raise ConfigError(problem(f"{subject}: held-out labels", rule, value, "Correct them."))
    return len(counts)
