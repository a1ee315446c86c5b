"""Trees that learn log(implemented / estimated), with conformal intervals across groups of designs.

The nonconformity score is the error on a left-out group, divided by a scale that grows with the
spread of the trees and the distance to the nearest training design (normalised conformal
prediction, Papadopoulos et al. 2002). The growth with distance is learned from harder tasks: a
group left out with its most similar groups, and a group whose designs are larger than all training
designs. Coverage holds for groups similar to the known ones; farther away the widening is a rule,
not a guarantee. An interval is at most as wide as the range of all known errors, since a wider one
carries no information.

Of the estimate, the trees, trees beside a sum, and the mean of the latter two (`forest.WAYS`) an
amount takes the one of least error on left-out groups and on the harder tasks together; a sum only
if it is no worse than trees in each of them, and never with FEW_GROUPS, which do not tell how the
next one differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from qnas.accel.calibration.designs import OUT_OF_DISTRIBUTION, Conditions, Designs, Floats, Mask
from qnas.accel.calibration.forest import WITH_SUM, Forest, Raw, Ways, residuals_of

Groups = NDArray[np.generic]
Split = tuple[Mask, Mask]  # designs known, designs left out

FOLDS = 5  # random groups, if all designs are of one group
SMALL, LARGE = 0.6, 0.8  # quantiles of size: designs below SMALL predict those above LARGE
SLOPES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
FEW_GROUPS = 2  # too few to show how groups differ: distant designs are out of distribution
LEAST_RANGE = np.log(2.0)  # least limit of half an interval
LEAST = 0.25  # least quantile: estimates that were always exact may still err


@dataclass(frozen=True, slots=True)
class Trees:
    """Fitted trees; made by `fit_trees`.

    Attributes:
        forest: The trees.
        amounts: Names of the amounts.
        conditions: Parts and clocks of the training designs.
        ways: (amounts) which of WAYS predicts it.
        before: (amounts) mean relative error of the estimate on left-out groups.
        after: (amounts) mean relative error of the prediction on left-out groups.
        quantile: (amounts) conformal quantile of error over scale.
        slope: (amounts) growth of the scale with distance.
        reach: 95 % quantile of the distance of left-out designs.
        usual: (amounts) half an interval of a typical left-out design, in logarithms.
        widest: (amounts) largest half of an interval, in logarithms.
        few: Whether there are at most FEW_GROUPS training groups.
    """

    forest: Forest
    amounts: tuple[str, ...]
    conditions: Conditions
    ways: Ways
    before: Floats
    after: Floats
    quantile: Floats
    slope: Floats
    reach: float
    usual: Floats
    widest: Floats
    few: bool

    def predict(self, designs: Designs) -> tuple[Floats, Floats, Mask]:
        """The shift and half the width of the interval, (designs, amounts) each, and whether the
        design is of another part or clock, or farther from training than 95 % of left-out ones."""
        raw = self.forest.predict(designs)
        other, distant = self.conditions.unlike(designs), raw.distance > self.reach
        half = self.quantile * raw.scale(self.ways, self.reach, self.slope)
        unlike = (other | (distant & self.few))[:, None]
        half = np.where(unlike, OUT_OF_DISTRIBUTION * np.maximum(half, self.usual), half)
        return raw.shift(self.ways), np.minimum(half, self.widest), other | distant


def fit_trees(train: Designs, *, level: float = 0.9, seed: int = 0) -> Trees:
    """Fit trees to all of `train`, whose amounts are all measured.

    Intervals come from the errors on each left-out group.

    Args:
        train: The training designs.
        level: Coverage of the intervals.
        seed: Seed of the trees, and of the folds if all designs are of one group.
    """
    groups = _folds(train, seed)
    near = _left_out(train, [(groups != g, groups == g) for g in np.unique(groups)], seed)
    losses = near.losses()
    reach = max(float(np.quantile(near.raw.distance, 0.95)), 1e-9)
    tasks = (_growth(train, groups), _dissimilar_groups(train, groups))
    harder = [_left_out(train, task, seed) for task in map(_possible, tasks) if task]
    few = len(np.unique(train.groups)) <= FEW_GROUPS
    ways = _chosen(np.stack([one.losses() for one in (near, *harder)]), sums=not few)
    quantile = slope = np.full(len(ways), SLOPES[-1])
    # The smallest slope that covers the harder tasks, or the largest.
    for candidate in reversed(SLOPES):
        trial = np.full(len(ways), candidate)
        known, *others = (x.quantile(reach, trial, ways=ways, level=level) for x in (near, *harder))
        known = np.maximum(LEAST, known)
        fits = np.all([other <= known for other in others], axis=0) | (candidate == SLOPES[-1])
        slope, quantile = np.where(fits, trial, slope), np.where(fits, known, quantile)
    forest = Forest(train, seed=seed)
    return Trees(
        forest,
        train.amounts,
        Conditions.of(train),
        ways,
        losses[0],
        losses[ways, np.arange(len(ways))],
        quantile,
        slope,
        reach,
        usual=quantile * np.median(near.raw.scale(ways, reach, slope), axis=0),
        widest=_range_with_zero(residuals_of(train)),
        few=few,
    )


def _chosen(losses: Floats, *, sums: bool) -> Ways:
    """The way of each amount, from (tasks, ways, amounts): least error over all tasks. A sum must
    be no worse than trees alone in any of them, since it may go far astray."""
    trees = losses[:, WITH_SUM - 1]
    worse = (losses[:, WITH_SUM:] > trees[:, None]).any(axis=0)
    overall = losses.sum(axis=0)
    with_sum = np.where(worse | (not sums), np.inf, overall[WITH_SUM:])
    found: Ways = np.argmin(np.concatenate([overall[:WITH_SUM], with_sum]), axis=0)
    return found


def _range_with_zero(residuals: Floats) -> Floats:
    """(amounts): width of the range of the residuals and 0, at least LEAST_RANGE."""
    least, most = np.minimum(0.0, residuals.min(axis=0)), np.maximum(0.0, residuals.max(axis=0))
    found: Floats = np.maximum(LEAST_RANGE, most - least)
    return found


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Predictions of designs that were left out of training, and their log residuals."""

    raw: Raw
    truth: Floats

    def losses(self) -> Floats:
        """(ways, amounts): mean relative error."""
        found: Floats = np.mean(abs(np.expm1(self.raw.residual - self.truth)), axis=1)
        return found

    def quantile(self, reach: float, slope: Floats, *, ways: Ways, level: float) -> Floats:
        """(amounts): conformal quantile of error over scale."""
        scores = abs(self.truth - self.raw.shift(ways)) / self.raw.scale(ways, reach, slope)
        rank = min(1.0, np.ceil((len(scores) + 1) * level) / len(scores))
        found: Floats = np.quantile(scores, rank, axis=0, method="higher")
        return found


def _possible(splits: Iterable[Split]) -> list[Split]:
    return [(known, out) for known, out in splits if known.any() and out.any()]


def _left_out(train: Designs, splits: Sequence[Split], seed: int) -> _LeftOut:
    found, truths = [], []
    for known, out in splits:
        forest = Forest(train.subset(known), seed=seed)
        found.append(forest.predict(train.subset(out)))
        truths.append(residuals_of(train.subset(out)))
    residual = np.concatenate([raw.residual for raw in found], axis=1)
    spread = np.concatenate([raw.spread for raw in found], axis=1)
    distance = np.concatenate([raw.distance for raw in found])
    return _LeftOut(Raw(residual, spread, distance), np.concatenate(truths))


def _growth(train: Designs, groups: Groups) -> Iterator[Split]:
    """Yield (known, left out) for each group.

    Known are the small designs of other groups, left out are the large designs of this group.
    """
    rank = np.argsort(np.argsort(train.estimated["lut"], kind="stable")) / len(train)
    for group in np.unique(groups):
        yield (rank < SMALL) & (groups != group), (rank >= LARGE) & (groups == group)


def _dissimilar_groups(train: Designs, groups: Groups) -> Iterator[Split]:
    """Yield (known, left out) for each group: known is the half of the groups least similar to it.

    The distance between two groups is the mean distance of a design to the nearest of the other.
    """
    x = train.inputs()
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    names = np.unique(groups)
    for group in names:
        distances = [KDTree(x[groups == g]).query(x[groups == group])[0].mean() for g in names]
        dissimilar = names[np.argsort(distances)[(len(names) + 1) // 2 :]]
        yield np.isin(groups, dissimilar), groups == group


def _folds(train: Designs, seed: int) -> Groups:
    """Return the groups, or FOLDS random ones if there is only one group."""
    if len(np.unique(train.groups)) > 1:
        return train.groups
    return np.random.default_rng(seed).permutation(len(train)) % FOLDS
