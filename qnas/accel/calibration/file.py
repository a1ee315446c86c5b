"""Calibration files: measurements and a recipe as JSON, fitted whenever the file is read.

The recipe is one factor for each resource: the geometric mean of measured / estimated, used only if
it predicts left-out designs better than the estimate does. More is not possible with the five to
fifty reports that users have. If designs were measured at both stages, there are two estimators of
the last stage: its own factor, or the product of a factor from the estimate to HLS (learned from
all HLS reports) and one from HLS to the last stage (learned from few reports). The better one is
used.

The interval is conformal, from the errors of left-out designs. With fewer than FEW designs, whose
quantile is close to their largest error, it is at least as wide as Student's t distribution
requires.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from qnas._util.serialization import Value, read_value
from qnas.accel.calibration.designs import (
    HLS,
    MeasuredDesign,
    MeasuredDesigns,
    Setup,
    log_residuals,
)
from qnas.accel.calibration.pairs import Floats
from qnas.accel.cost.estimate import RESOURCES, Estimate, Resources
from qnas.accel.cost.prediction import Prediction, Range

LEVEL = 0.9
FEW = 20
ESTIMATORS = ("estimate", "factor", "chain")
DIGITS = 3  # decimals of predicted amounts


@dataclass(frozen=True, slots=True)
class CalibrationFile(Value):
    """The content of a calibration file."""

    measurements: MeasuredDesigns
    recipe: Literal["factor"] = "factor"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted correction of estimates; it predicts the stage of `setup`.

    Attributes:
        setup: The conditions of the measurements.
        shift: (RESOURCES) term added to the logarithm of an estimate.
        half: (RESOURCES) half the width of the 90 % interval, in logarithms.
        before: (RESOURCES) mean relative error of the estimate on left-out designs.
        after: (RESOURCES) mean relative error of the prediction on left-out designs.
        estimators: (RESOURCES) the name in ESTIMATORS of the one that is used.
    """

    setup: Setup
    shift: Floats
    half: Floats
    before: Floats
    after: Floats
    estimators: tuple[str, ...]

    def range_of(self, resource: str, estimated: float) -> Range:
        """Predict the amount of a resource and its 90 % interval from the estimated amount."""
        index = RESOURCES.index(resource)
        middle = math.log1p(estimated) + self.shift[index]
        value, low, high = (math.expm1(middle + s * self.half[index]) for s in (0, -1, 1))
        # Rounded, so that a shift of zero leaves an amount unchanged.
        return Range(*(round(max(0.0, amount), DIGITS) for amount in (value, low, high)))

    def limits(self, limits: Mapping[str, int], *, upper: bool = False) -> dict[str, int]:
        """Return the largest estimates whose predictions keep `limits`.

        With `upper`, the upper ends of the intervals must keep them.
        """
        return {name: self._limit(name, limit, upper=upper) for name, limit in limits.items()}

    def _limit(self, resource: str, limit: int, *, upper: bool) -> int:
        index = RESOURCES.index(resource)
        added = self.shift[index] + (self.half[index] if upper else 0.0)
        # The small term leaves a limit unchanged if the shift is zero.
        return max(0, math.floor(math.expm1(math.log1p(limit) - added) + 1e-6))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The predictor of a calibration.

    With `upper`, limits apply to the upper ends of intervals instead of the values.
    """

    calibration: Calibration
    upper: bool = False

    def predict(self, estimate: Estimate) -> Prediction:
        """Predict resources by the calibration, and cycles by the cost model."""
        resources = {
            name: self.calibration.range_of(name, getattr(estimate.resources, name))
            for name in RESOURCES
        }
        return Prediction({**Prediction.of(estimate).amounts, **resources})

    def counted(self, amount: Range) -> float:
        return amount.high if self.upper else amount.value

    def estimate_limits(self, limits: Mapping[str, int]) -> Mapping[str, int]:
        return self.calibration.limits(limits, upper=self.upper)


def fit(found: MeasuredDesigns) -> Calibration:
    """Fit a calibration to measured designs.

    Each design is left out once, to choose the estimators and to measure the intervals.
    """
    stage, designs = found.stage, found.predicted
    pairs = [(d.estimated, _at(stage, d)) for d in designs]
    truth = log_residuals(pairs)
    estimators = (np.zeros_like(truth), _others(truth), _chained(found, designs))
    losses = np.array([_mape(guess, truth) for guess in estimators])
    best = np.argmin(losses, axis=0)
    left_out = np.choose(best, estimators)
    everything = (np.zeros(len(RESOURCES)), truth.mean(axis=0), _whole_chain(found))
    return Calibration(
        setup=found.setup,
        shift=np.choose(best, everything),
        half=_half(truth - left_out),
        before=losses[0],
        after=losses.min(axis=0),
        estimators=tuple(ESTIMATORS[i] for i in best),
    )


def read_calibration(path: Path) -> tuple[MeasuredDesigns, Calibration]:
    """Read a calibration file and fit it.

    Raises:
        CheckpointError: The file is damaged.
        ConfigError: The file has too few measurements.
    """
    measurements = read_value(CalibrationFile, path).measurements
    return measurements, fit(measurements)


def _at(stage: str, design: MeasuredDesign) -> Resources:
    measured = design.hls if stage == HLS else design.built
    assert measured is not None, "of `predicted` designs"
    return measured


def _others(truth: Floats) -> Floats:
    """(designs, resources): the mean over all other designs."""
    found: Floats = (truth.sum(axis=0) - truth) / (len(truth) - 1)
    return found


def _steps(designs: Sequence[MeasuredDesign]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Log residuals of the steps estimate -> HLS and HLS -> last stage.

    Returns:
        Residuals of both steps, NaN if a stage was not measured, and a mask of designs with both.
    """
    nothing = np.full(len(RESOURCES), np.nan)

    def step(a: Resources | None, b: Resources | None) -> Floats:
        return log_residuals([(a, b)])[0] if a and b else nothing

    first = np.array([step(d.estimated, d.hls) for d in designs])
    second = np.array([step(d.hls, d.built) for d in designs])
    return first, second, ~np.isnan(second[:, 0])


def _chained(found: MeasuredDesigns, designs: Sequence[MeasuredDesign]) -> Floats:
    """(designs, resources): the sum of both steps' mean residuals over all other designs.

    Infinite if too few designs have both stages.
    """
    if not _has_chain(found):
        return np.full((len(designs), len(RESOURCES)), np.inf)
    first, second, _ = _steps(found.designs)
    rows = []
    for design in designs:
        others = np.array([d.plan != design.plan for d in found.designs])
        rows.append(np.nanmean(first[others], axis=0) + np.nanmean(second[others], axis=0))
    return np.array(rows)


def _whole_chain(found: MeasuredDesigns) -> Floats:
    if not _has_chain(found):
        return np.zeros(len(RESOURCES))
    first, second, _ = _steps(found.designs)
    total: Floats = np.nanmean(first, axis=0) + np.nanmean(second, axis=0)
    return total


def _has_chain(found: MeasuredDesigns) -> bool:
    return found.stage != HLS and int(_steps(found.designs)[2].sum()) > 1


def _half(errors: Floats) -> Floats:
    """(resources): half the width of the 90 % interval, in logarithms."""
    count = len(errors)
    rank = min(1.0, math.ceil((count + 1) * LEVEL) / count)
    half: Floats = np.quantile(abs(errors), rank, axis=0, method="higher")
    if count < FEW:
        spread = np.sqrt(np.mean(errors**2, axis=0))
        half = np.maximum(half, spread * student.ppf((1 + LEVEL) / 2, count - 1))
    return half


def _mape(guess: Floats, truth: Floats) -> Floats:
    """(resources): mean relative error of 1 + amount."""
    found: Floats = np.mean(abs(np.expm1(guess - truth)), axis=0)
    return found
