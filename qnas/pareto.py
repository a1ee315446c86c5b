"""Non-dominated points, hypervolume and knee of point sets.

Every function takes points (n, m) and minimises every objective: negate objectives to maximise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


def nondominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Mask (n,) of the points that no other point dominates, including all of equal points."""
    import moocore

    array = _points(points)
    if not len(array):
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(array, keep_weakly=True), dtype=bool)


@dataclass(frozen=True, slots=True)
class Box:
    """The range that defines the unit of hypervolume: `best` maps to 0 and `worst` to 1."""

    best: tuple[float, ...]
    worst: tuple[float, ...]

    @classmethod
    def around(cls, points: ArrayLike) -> Box:
        """The bounding box of `points` (n >= 1)."""
        array = _points(points)
        return cls(tuple(array.min(axis=0).tolist()), tuple(array.max(axis=0).tolist()))

    def normalise(self, points: ArrayLike) -> Points:
        """`points` in units of the box; an objective of zero width in the box keeps its unit."""
        best = np.asarray(self.best)
        width = np.asarray(self.worst) - best
        scaled: Points = (_points(points) - best) / np.where(width > 0, width, 1.0)
        return scaled


def hypervolume(points: ArrayLike, box: Box) -> float:
    """Volume that `points` dominate below the reference point `box.worst`, in units of the box.

    A point worse than the reference in some objective adds nothing. Points better than `box.best`
    can raise the value above 1. In an objective in which the box has no width, the reference is
    one unit above the box, so that the volume does not vanish.
    """
    import moocore

    array = box.normalise(points)
    if not len(array):
        return 0.0
    return float(moocore.hypervolume(array, ref=np.ones(array.shape[1])))


def knee(points: ArrayLike) -> int:
    """Index of the point of a front farthest below the plane through its extreme points.

    After min-max normalisation the extreme point of an objective is the unit point on its axis.
    The plane is therefore sum(x) = 1, and a point's distance below it (1 - sum(x)) / sqrt(m). For
    two objectives the unit points are the front's two ends (Das 1999, "On characterizing the knee
    of the Pareto curve"). For more objectives the individual optima may coincide and span no
    plane; the unit points always span one. Of equal distances the first point wins.

    Raises:
        ValueError: `points` is empty.
    """
    array = _points(points)
    return int(np.argmin(Box.around(array).normalise(array).sum(axis=1)))


def _points(points: ArrayLike) -> Points:
    array = np.asarray(points, dtype=np.float64)
    return array if array.ndim == 2 else array.reshape(-1, max(1, array.shape[-1]))
