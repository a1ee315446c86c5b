"""Calibration: corrections of estimates, learned from measured designs, with 90 % intervals.

For each amount one estimator is used, the one with the least error on designs left out of the fit;
designs of one network are left out together, since variants of a network predict each other well.

- `estimate`: the estimate itself.
- `factor`: the geometric mean of measured / estimated.
- `chain`: where some designs were measured at an earlier stage of the flow too, the product of a
  factor to that stage (learned from all designs) and one from there (learned from few).
- `process`: a Gaussian process over the features, from FEW to MOST_OF_PROCESS designs.
- `trees`: extremely randomised trees, from LEAST_OF_TREES designs in which every amount was
  measured; also over a sum of the features, or the mean of both.

Processes and trees are used only if they are better than the others by more than MARGIN. The
intervals are conformal, from the errors on left-out designs, in units of the estimator's spread;
with fewer than FEW networks they are at least as wide as Student's t distribution requires. They
widen beyond the known features, as much as designs on one side of a feature need that are predicted
from those on its other side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from qnas.accel.calibration.designs import (
    MIN_DESIGNS,
    OUT_OF_DISTRIBUTION,
    Conditions,
    Designs,
    Floats,
    Mask,
    Setup,
    Subject,
)
from qnas.accel.calibration.gaussian_process import Process, fit_process
from qnas.accel.calibration.intervals import (
    FEW,
    Constant,
    beyond,
    left_out_together,
    widening,
)
from qnas.errors import ConfigError, problem

if TYPE_CHECKING:
    from qnas.accel.calibration.trees import Trees

MOST_OF_PROCESS, LEAST_OF_TREES = 300, 150
MARGIN = (0.05, 1e-4)  # of the error, and beside it: what makes a process or trees better
REACH = 0.95  # share of designs within `reach` of another group
FARTHEST = 3.0  # most that the distance widens an interval
LEAST_SPREAD = 0.5  # of a feature, in doublings: a feature that never varied is told apart


@dataclass(frozen=True, slots=True)
class Correction:
    """The correction of one amount.

    Attributes:
        by: Name of the estimator.
        before: Mean relative error of the estimate on left-out designs.
        after: Mean relative error of the prediction on left-out designs.
        designs: Number of designs in which it was measured.
        stretch: Half an interval over the estimator's spread, in logarithms.
        slope: How many times itself an interval widens by each doubling beyond known features.
        widest: Most, in logarithms, to which this widens half an interval: as far as estimates
            were ever off.
        model: The fitted estimator; None for `trees`.
    """

    by: str
    before: float
    after: float
    designs: int
    stretch: float = 0.0
    slope: float = 0.0
    widest: float = math.inf
    model: Constant | Process | None = None


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """Where the known designs lie.

    Attributes:
        names: The features, in the order of the models.
        center: (features) means of the known designs.
        scale: (features) spreads of the known designs.
        known: (known designs, features) places, centred and scaled.
        reach: Distance within which REACH of the known designs have one of another group.
        conditions: Parts and clocks of the known designs.
    """

    names: tuple[str, ...]
    center: Floats
    scale: Floats
    known: Floats
    reach: float
    conditions: Conditions

    @classmethod
    def of(cls, designs: Designs) -> FeatureSpace:
        """The space of the features of these designs."""
        x, groups = designs.inputs(), designs.groups
        center, scale = x.mean(axis=0), np.maximum(x.std(axis=0), LEAST_SPREAD)
        x = (x - center) / scale
        apart = [
            nearest(x[groups == group], x[groups != group])
            for group in np.unique(groups)
            if (groups != group).any()
        ]
        reach = float(np.quantile(np.concatenate(apart), REACH)) if apart else 1.0
        return cls(
            tuple(designs.features), center, scale, x, max(reach, 1e-9), Conditions.of(designs)
        )

    def distance(self, x: Floats) -> Floats:
        """(points) distance to the nearest known design, over the reach."""
        return nearest((x - self.center) / self.scale, self.known) / self.reach


@dataclass(frozen=True, slots=True)
class Ranges:
    """Predicted amounts of designs.

    Attributes:
        amounts: Names of the amounts.
        value: (designs, amounts) amounts.
        low: (designs, amounts) lower ends of the intervals.
        high: (designs, amounts) upper ends.
        far: (designs) whether the design is unlike the measured ones.
    """

    amounts: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    far: Mask


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted corrections; made by `fit`.

    Attributes:
        subject: What the estimates are of.
        setup: The conditions of the measurements, and the stage that is predicted.
        designs: The measured designs.
        corrections: The correction of each amount that was measured often enough.
        space: Where the designs lie; None if trees predict every amount.
        trees: The trees; None if they predict no amount.
    """

    subject: Subject
    setup: Setup
    designs: Designs
    corrections: Mapping[str, Correction]
    space: FeatureSpace | None
    trees: Trees | None

    def predict(self, designs: Designs) -> Ranges:
        """Predict the amounts of designs. An amount without a correction is the estimate."""
        shape = (len(designs), len(designs.amounts))
        shift, half, far = np.zeros(shape), np.zeros(shape), np.zeros(len(designs), bool)
        if self.trees is not None:
            of_trees, half_of_trees, far = self.trees.predict(designs)
            for index, name in enumerate(self.trees.amounts):
                at = designs.amounts.index(name)
                shift[:, at], half[:, at] = of_trees[:, index], half_of_trees[:, index]
        if self.space is not None:
            x = designs.inputs(self.space.names)
            distance, other = self.space.distance(x), self.space.conditions.unlike(designs)
            over = beyond(x, self.designs.inputs(self.space.names))
            far = far | (distance > 1) | other
            wider = np.where(other, OUT_OF_DISTRIBUTION, 1.0)
            for index, name in enumerate(designs.amounts):
                found = self.corrections.get(name)
                if found is not None and found.model is not None:
                    shift[:, index], spread = found.model.predict(x)
                    if isinstance(found.model, Constant):
                        spread = spread * np.clip(distance, 1.0, FARTHEST)
                    plain = found.stretch * spread * wider
                    wide = np.minimum(plain * (1 + found.slope * over), found.widest)
                    half[:, index] = np.maximum(plain, wide)
        return ranges(designs, shift, half, far)


def ranges(designs: Designs, shift: Floats, half: Floats, far: Mask) -> Ranges:
    """The amounts from shifts and half intervals of logarithms, (designs, amounts) each."""
    raw = np.stack([designs.estimated[name] for name in designs.amounts], axis=1)
    middle = np.log1p(raw) + shift
    value, low, high = (np.maximum(0.0, np.expm1(middle + s * half)) for s in (0, -1, 1))
    return Ranges(designs.amounts, value, low, high, far)


def fit(designs: Designs, *, subject: Subject, setup: Setup, seed: int = 0) -> Calibration:
    """Fit a calibration to measured designs.

    Raises:
        ConfigError: There are fewer than MIN_DESIGNS.
    """
    if len(designs) < MIN_DESIGNS:
        rule, remedy = f"must be {MIN_DESIGNS} at least", "Measure more designs."
        raise ConfigError(problem("measured designs", rule, len(designs), remedy))
    corrections, trees = {}, None
    missing = np.isnan(np.stack(list(designs.measured.values()), axis=1))
    space = FeatureSpace.of(designs)
    whole = designs.subset(np.flatnonzero(~missing.any(axis=1)))
    if len(designs) <= MOST_OF_PROCESS or len(whole) < LEAST_OF_TREES:
        for name in designs.measured:
            if (~np.isnan(designs.measured[name])).sum() >= MIN_DESIGNS:
                corrections[name] = _correction(designs, name, space)
    if len(whole) >= LEAST_OF_TREES:
        from qnas.accel.calibration.forest import WAYS  # imports scikit-learn
        from qnas.accel.calibration.trees import fit_trees

        trees = fit_trees(whole, seed=seed)
        of_trees = _corrections_of(trees, [WAYS[way] for way in trees.ways], len(whole))
        worse = {
            n for n, c in of_trees.items() if n in corrections and not _better(c, corrections[n])
        }
        corrections |= {name: c for name, c in of_trees.items() if name not in worse}
    constant_or_process = any(one.model is not None for one in corrections.values())
    by_trees = any(one.model is None for one in corrections.values())
    return Calibration(
        subject,
        setup,
        designs,
        corrections,
        space if constant_or_process else None,
        trees if by_trees else None,
    )


def _corrections_of(trees: Trees, ways: Sequence[str], designs: int) -> dict[str, Correction]:
    return {
        name: Correction(
            ways[index],
            float(trees.before[index]),
            float(trees.after[index]),
            designs,
        )
        for index, name in enumerate(trees.amounts)
    }


def _correction(designs: Designs, name: str, space: FeatureSpace) -> Correction:
    """Choose the estimator of an amount."""
    known = designs.subset(~np.isnan(designs.measured[name]))
    truth, found, errors = known.residuals(name), list[Correction](), dict[str, Floats]()
    for by, shift, spread, model in _estimators(designs, known, name):
        after = float(np.mean(abs(np.expm1(shift - truth))))
        before = found[0].after if found else after
        found.append(Correction(by, before, after, len(known), model=model))
        errors[by] = (truth - shift) / spread
    best = min((one for one in found if one.by != "process"), key=lambda one: one.after)
    best = next((one for one in found if one.by == "process" and _better(one, best)), best)
    assert best.model is not None
    stretch, slope = widening(known, truth, errors[best.by], best.model, space.names)
    return replace(best, stretch=stretch, slope=slope, widest=float(abs(truth).max()))


def _better(one: Correction, than: Correction) -> bool:
    share, margin = MARGIN
    return one.after < (1 - share) * than.after - margin


def _estimators(
    designs: Designs, known: Designs, name: str
) -> Iterator[tuple[str, Floats, Floats, Constant | Process]]:
    """Each estimator: its name, shift and spread of every known design left out, and its fit."""
    truth, ones, groups = known.residuals(name), np.ones(len(known)), left_out_together(known)
    yield "estimate", 0 * ones, ones, Constant()
    means = np.array([truth[groups != group].mean() for group in groups])
    yield "factor", means, ones, Constant(float(truth.mean()), learned=True)
    if name in designs.earlier:
        of_all = designs.groups if groups is known.groups else designs.names
        first, second = _steps(designs, name)
        sums = [_chain(first[of_all != g], second[of_all != g]) for g in groups]
        yield "chain", np.array(sums), ones, Constant(_chain(first, second), learned=True)
    if known.features and FEW <= len(known) <= MOST_OF_PROCESS:
        process = fit_process(known.inputs(), truth)
        shift, spread = process.left_out(groups)
        yield "process", shift, spread, process


def _steps(designs: Designs, name: str) -> tuple[Floats, Floats]:
    """(designs) log residuals of both steps of the flow; NaN: not measured."""
    earlier = np.log1p(designs.earlier[name])
    return earlier - np.log1p(designs.estimated[name]), np.log1p(designs.measured[name]) - earlier


def _chain(first: Floats, second: Floats) -> float:
    """The sum of the mean residuals of both steps; infinite if one was not measured."""
    parts = [step[~np.isnan(step)] for step in (first, second)]
    return float(sum(part.mean() for part in parts)) if all(map(len, parts)) else math.inf


def nearest(x: Floats, known: Floats) -> Floats:
    """(points) distance to the nearest known point."""
    squares = (x**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * x @ known.T
    found: Floats = np.sqrt(np.maximum(squares, 0.0)).min(axis=1)
    return found
