"""Estimators of log(implemented / estimated): trees, sums, and trees beside sums.

Trees end where their data end. So each amount is also described by a sum with coefficients from 0
up, of the estimate, the features and 1 (`Sum`), which has no such end, and other trees learn what
the sum leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.spatial import KDTree
from sklearn.ensemble import ExtraTreesRegressor

from qnas.accel.calibration.designs import Designs, Floats

Ways = NDArray[np.int64]  # (amounts) indices in WAYS
Inputs = NDArray[np.float32]

TREES, LEAF = 50, 2
FLOOR = 0.02  # least spread in the scale, for trees that agree by chance
WAYS = ("estimate", "trees", "sum and trees", "trees, with and without a sum")
WITH_SUM = 2  # index in WAYS of the first one with a sum


@dataclass(frozen=True, slots=True)
class Raw:
    """What each of WAYS says of designs.

    Attributes:
        residual: (ways, designs, amounts) log residual.
        spread: (ways, designs, amounts) standard deviation over the trees.
        distance: (designs) distance to the nearest training design.
    """

    residual: Floats
    spread: Floats
    distance: Floats

    def scale(self, ways: Ways, reach: float, slope: Floats) -> Floats:
        """Scale of the nonconformity score, (1 + slope) times as large at `reach` as at 0."""
        further = 1 + slope * (self.distance / reach)[:, None]
        found: Floats = (FLOOR + _of_ways(self.spread, ways)) * further
        return found

    def shift(self, ways: Ways) -> Floats:
        """(designs, amounts) log residual by the way of each amount."""
        return _of_ways(self.residual, ways)


def _of_ways(found: Floats, ways: Ways) -> Floats:
    chosen: Floats = found[ways, :, np.arange(len(ways))].T
    return chosen


class Sum:
    """Amounts as sums of the estimate, the features and 1, each with a coefficient from 0 up.

    The coefficients have the least squares of relative errors.
    """

    def __init__(self, train: Designs) -> None:
        self._coefficients = {}
        for name in train.amounts:
            terms = self._terms(train, name) / (1 + train.measured[name])[:, None]
            scale = np.sqrt((terms**2).sum(axis=0)) + 1e-12
            self._coefficients[name] = nnls(terms / scale, np.ones(len(train)))[0] / scale

    def predict(self, designs: Designs) -> Floats:
        """(designs, amounts) log residual."""
        sums = [self._terms(designs, name) @ c for name, c in self._coefficients.items()]
        estimated = np.stack([designs.estimated[name] for name in self._coefficients], axis=1)
        found: Floats = np.log(np.maximum(1.0, np.stack(sums, axis=1))) - np.log1p(estimated)
        return found

    @staticmethod
    def _terms(designs: Designs, name: str) -> Floats:
        ones = np.ones(len(designs))
        return np.stack([ones, designs.estimated[name], *designs.features.values()], axis=1)


class Forest:
    """Trees on logarithms of the features and of their ratios, with the training designs.

    Half of them learn the residuals; half, what a `Sum` leaves of these, and know the sum.
    """

    def __init__(self, train: Designs, *, seed: int) -> None:
        x, residuals = train.inputs(), residuals_of(train)
        self._mean, self._std = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        self._known = KDTree(self._scaled(x))
        self._sum = Sum(train)
        of_sum, inputs = self._sum.predict(train), _inputs(x)
        self._plain = _trees(inputs, residuals, seed)
        self._beside_sum = _trees(_joined(inputs, of_sum), residuals - of_sum, seed)

    def _scaled(self, x: Floats) -> Floats:
        scaled: Floats = (x - self._mean) / self._std
        return scaled

    def predict(self, designs: Designs) -> Raw:
        """What each of WAYS says of designs."""
        x, of_sum = designs.inputs(), self._sum.predict(designs)
        inputs = _inputs(x)
        plain, spread = _mean_and_spread(self._plain, inputs)
        left, other = _mean_and_spread(self._beside_sum, _joined(inputs, of_sum))
        both = of_sum + left
        return Raw(
            np.stack([np.zeros_like(plain), plain, both, (plain + both) / 2]),
            np.stack([spread, spread, other, (spread + other) / 2]),
            self._known.query(self._scaled(x))[0],
        )


def _trees(inputs: Inputs, residuals: Floats, seed: int) -> list[Any]:
    # One job, since threads would overwrite each other's warning filters.
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=seed, n_jobs=1)
    return [tree.tree_ for tree in forest.fit(inputs, residuals)]


def _mean_and_spread(trees: Sequence[Any], inputs: Inputs) -> tuple[Floats, Floats]:
    total = squares = np.zeros(())
    for tree in trees:
        found = tree.predict(inputs).reshape(len(inputs), -1)
        total, squares = total + found, squares + found * found
    mean = total / len(trees)
    return mean, np.sqrt(np.maximum(0.0, squares / len(trees) - mean * mean))


def _joined(inputs: Inputs, of_sum: Floats) -> Inputs:
    return np.hstack([inputs, of_sum.astype(np.float32)])


def residuals_of(designs: Designs) -> Floats:
    return np.stack([designs.residuals(name) for name in designs.amounts], axis=1)


def _inputs(x: Floats) -> Inputs:
    """(designs, inputs): the features and their pairwise differences, the inputs of the trees."""
    ratios = [x[:, i] - x[:, j] for i, j in combinations(range(x.shape[1]), 2)]
    return np.hstack([x, np.stack(ratios, axis=1)]).astype(np.float32)
