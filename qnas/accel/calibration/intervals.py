"""Half intervals of constants and processes: how far left-out designs were off, in spreads."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas.accel.calibration.designs import APART, MIN_DESIGNS, Designs, Floats, Mask
from qnas.accel.calibration.gaussian_process import Process

LEVEL = 0.9
FEW = 20
SLOPES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


@dataclass(frozen=True, slots=True)
class Constant:
    """A shift that all designs share; `learned` from them, or not."""

    shift: float = 0.0
    learned: bool = False

    def refitted(self, x: Floats, y: Floats) -> Constant:
        """The constant that the log residuals `y` at `x` give."""
        return Constant(float(y.mean()), learned=True) if self.learned else self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """The shift and the spread at points, (points) each."""
        return np.full(len(x), self.shift), np.ones(len(x))


def widening(
    known: Designs, truth: Floats, scores: Floats, model: Constant | Process, names: Sequence[str]
) -> tuple[float, float]:
    """The stretch, and the smallest slope with which intervals that are learned from one side of a
    feature hold as many designs of its other side as they hold left-out ones; else the largest."""
    groups, x = left_out_together(known), known.inputs(names)
    near, far = np.zeros(len(x)), list[tuple[Floats, Floats]]()
    for group in np.unique(groups):
        own = groups == group
        near[own] = beyond(x[own], x[~own])
    for side in _sides(x):
        shift, spread = model.refitted(x[side], truth[side]).predict(x[~side])
        far.append(((truth[~side] - shift) / spread, beyond(x[~side], x[side])))
    for slope in SLOPES:
        stretch = stretch_of(scores / (1 + slope * near), groups)
        if all(_quantile(hard / (1 + slope * away)) <= stretch for hard, away in far):
            break
    return stretch, slope


def beyond(x: Floats, known: Floats) -> Floats:
    """(points) doublings by which a size exceeds what is known of it, the largest of all."""
    sizes = [column for column in range(x.shape[1]) if not _is_kind(known[:, column])]
    x, known = x[:, sizes], known[:, sizes]
    over = np.maximum(x - known.max(axis=0), known.min(axis=0) - x)
    found: Floats = over.max(axis=1, initial=0.0)
    return found


def _sides(x: Floats) -> Iterator[Mask]:
    """Which designs lie below or above the middle of a size, for each with enough of both."""
    for column in x.T:
        if _is_kind(column):
            continue
        middle = (column.min() + column.max()) / 2
        for side in (column < middle, column > middle):
            if min(side.sum(), (~side).sum()) >= MIN_DESIGNS:
                yield side


def _is_kind(column: Floats) -> bool:
    """Whether a feature tells kinds apart instead of sizes."""
    kinds = np.log2(1 + APART * np.arange(3))
    return bool(np.isin(column, kinds).all() and (column >= kinds[1]).any())


def left_out_together(known: Designs) -> NDArray[np.str_]:
    """What is left out together: networks, or with too few of them each design by itself."""
    return known.groups if len(np.unique(known.groups)) >= MIN_DESIGNS else known.names


def stretch_of(scores: Floats, groups: NDArray[np.str_]) -> float:
    """Half of an interval that covers LEVEL of the left-out designs, over the spread.

    Variants of one network are off alike, so the networks are what a further one is compared with:
    with fewer than FEW of them the interval is at least Student's t for that number times the root
    mean square of a network's errors.
    """
    half, names = _quantile(scores), np.unique(groups)
    if len(names) < FEW:
        from scipy.special import stdtrit

        squares = np.mean([np.mean(scores[groups == name] ** 2) for name in names])
        t = stdtrit(len(names) - 1, (1 + LEVEL) / 2) * math.sqrt(1 + 1 / len(names))
        half = max(half, float(np.sqrt(squares) * t))
    return half


def _quantile(scores: Floats) -> float:
    count = len(scores)
    rank = min(1.0, math.ceil((count + 1) * LEVEL) / count)
    return float(np.quantile(abs(scores), rank, method="higher"))
