"""Trees that learn log(implemented / estimated), with conformal intervals that respect groups.

Nonconformity is the error on a group left out, divided by a scale that grows with the spread of
the trees and the distance to the nearest training design (normalised conformal prediction,
Papadopoulos et al. 2002). Coverage holds for groups like the known ones; farther away the scale
widens the interval, which is a rule, not a guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.neighbors import NearestNeighbors

from qnas.objectives.calibration.pairs import FEATURES, Floats, Pairs

TREES, INNER_TREES = 300, 100
FLOOR = 0.02  # of the scale: no interval is narrower than trees that agree by chance would make it
FOLDS = 5  # where all designs are of one group


@dataclass(frozen=True, slots=True)
class Prediction:
    """(designs, resources) each; amounts, not logarithms. `far`: designs farther from training
    than groups there are from each other (95 %)."""

    value: Floats
    low: Floats
    high: Floats
    far: Any


class PairsRegressor:
    """Fit with `fit_pairs`."""

    def __init__(self, train: Pairs, *, trees: int, seed: int) -> None:
        x = _features(train)
        self._mean, self._std = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        self._near = NearestNeighbors(n_neighbors=1).fit(self._scaled(x))
        self._forest = ExtraTreesRegressor(trees, random_state=seed)
        self._forest.fit(_with_ratios(x), train.log_residuals())
        self._quantile: Floats = np.zeros(train.log_residuals().shape[1])
        self._reach, self._unit = float("inf"), 1.0

    def _scaled(self, x: Floats) -> Floats:
        scaled: Floats = (x - self._mean) / self._std
        return scaled

    def raw(self, pairs: Pairs) -> tuple[Floats, Floats, Floats]:
        """Log residual, spread of the trees, distance to the nearest training design."""
        x = _features(pairs)
        inputs = _with_ratios(x)
        each = np.stack([tree.predict(inputs) for tree in self._forest.estimators_])
        each = each.reshape(len(each), len(x), -1)
        return each.mean(axis=0), each.std(axis=0), self._near.kneighbors(self._scaled(x))[0][:, 0]

    def conform(self, scores: Floats, distances: Floats, *, unit: float, level: float) -> None:
        rank = min(1.0, np.ceil((len(scores) + 1) * level) / len(scores))
        self._quantile = np.quantile(scores, rank, axis=0, method="higher")
        self._unit, self._reach = unit, float(np.quantile(distances, 0.95))

    def predict(self, pairs: Pairs) -> Prediction:
        residual, spread, distance = self.raw(pairs)
        half = self._quantile * scale(spread, distance, unit=self._unit)
        middle = pairs.log_estimates() + residual
        low, value, high = (np.exp(middle + sign * half) for sign in (-1, 0, 1))
        return Prediction(value, low, high, distance > self._reach)


def fit_pairs(train: Pairs, *, level: float = 0.9, seed: int = 0) -> PairsRegressor:
    """The regressor of all of `train`; its intervals from errors on each group left out."""
    folds = _folds(train, seed)
    found = []
    for fold in np.unique(folds):
        out = folds == fold
        inner = PairsRegressor(train.subset(~out), trees=INNER_TREES, seed=seed)
        residual, spread, distance = inner.raw(train.subset(out))
        found.append((abs(train.subset(out).log_residuals() - residual), spread, distance))
    errors, spreads, distances = (np.concatenate(part) for part in zip(*found, strict=True))
    unit = max(float(np.median(distances)), 1e-9)
    model = PairsRegressor(train, trees=TREES, seed=seed)
    scores = errors / scale(spreads, distances, unit=unit)
    model.conform(scores, distances, unit=unit, level=level)
    return model


def scale(spread: Floats, distance: Floats, *, unit: float) -> Floats:
    """What an error is measured by: (floor + spread), more where training is far."""
    found: Floats = (FLOOR + spread) * (1 + distance / unit)[:, None]
    return found


def _folds(train: Pairs, seed: int) -> Any:
    """Groups as they are; FOLDS random ones where there is but one."""
    if len(np.unique(train.groups)) > 1:
        return train.groups
    return np.random.default_rng(seed).permutation(len(train)) % FOLDS


def _features(pairs: Pairs) -> Floats:
    return np.log1p(np.stack([pairs.columns[name] for name in FEATURES], axis=1))


def _with_ratios(x: Floats) -> Floats:
    ratios = [x[:, i] - x[:, j] for i, j in combinations(range(x.shape[1]), 2)]
    return np.hstack([x, np.stack(ratios, axis=1)])
