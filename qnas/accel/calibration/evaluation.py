"""Evaluation of a calibration on designs or blocks that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from qnas.accel.calibration.calibration import Ranges, fit
from qnas.accel.calibration.designs import MIN_DESIGNS, Designs, Floats, Setup, Subject
from qnas.errors import ConfigError, problem

Scores = dict[str, dict[str, float | None]]
ROUNDING = 0.5  # counts are whole numbers: intervals include the numbers that they round to
SUBJECT: Subject = "hls"  # of designs that are left out or predicted once; no file keeps it
SETUP = Setup("", "")


@dataclass(frozen=True, slots=True)
class Predicted:
    """Predictions and measurements of one resource, (designs) each.

    Attributes:
        names: Names of kernels or blocks.
        measured: Measured amounts.
        estimate: Estimated amounts.
        value: Predicted amounts.
        low: Lower ends of the 90 % intervals.
        high: Upper ends.
        far: Whether the design is far from the training designs.
    """

    names: NDArray[np.str_]
    measured: Floats
    estimate: Floats
    value: Floats
    low: Floats
    high: Floats
    far: NDArray[np.bool_]


def evaluate(train: Designs, test: Designs, *, seed: int = 0) -> Ranges:
    """Fit a calibration to `train` and predict `test`."""
    return fit(train, subject=SUBJECT, setup=SETUP, seed=seed).predict(test)


def leave_out(designs: Designs, *, seed: int = 0) -> Ranges:
    """Predict each group of designs from all other groups.

    Raises:
        ConfigError: There is only one group, or too few designs to leave one out.
    """
    groups = np.unique(designs.groups)
    if len(designs) <= MIN_DESIGNS:
        rule, remedy = f"must be {MIN_DESIGNS + 1} at least to leave one out", "Measure more."
        raise ConfigError(problem("measured designs", rule, len(designs), remedy))
    if len(groups) < 2:
        rule = "must be of two kernels at least to leave one out"
        raise ConfigError(problem("designs", rule, len(groups), "Add another kernel's designs."))
    shape = (len(designs), len(designs.amounts))
    value, low, high = (np.empty(shape) for _ in range(3))
    far = np.zeros(len(designs), bool)
    for group in groups:
        out = designs.groups == group
        found = evaluate(designs.subset(~out), designs.subset(out), seed=seed)
        value[out], low[out], high[out], far[out] = found.value, found.low, found.high, found.far
    return Ranges(designs.amounts, value, low, high, far)


def predicted(designs: Designs, found: Ranges) -> Mapping[str, Predicted]:
    """Collect the predictions of every amount that was measured in some design."""
    by_amount = {}
    for index, name in enumerate(found.amounts):
        there = ~np.isnan(designs.measured.get(name, np.full(len(designs), np.nan)))
        if there.any():
            value, low, high = (x[there, index] for x in (found.value, found.low, found.high))
            truth, raw = designs.measured[name][there], designs.estimated[name][there]
            names = designs.groups[there]
            by_amount[name] = Predicted(names, truth, raw, value, low, high, found.far[there])
    return by_amount


def score(predictions: Mapping[str, Predicted]) -> Scores:
    """Score the predictions of each resource.

    Errors are fractions of the measured amount, or of 1 if that is 0.

    Returns:
        For each resource: `mape_raw`, the mean error of the estimate; `mape`, that of the
        prediction; `coverage_90`, the share of designs inside the 90 % interval; `width_90`, the
        median ratio of interval width to prediction; `kendall_tau`, the rank correlation of
        predictions and measurements (None if all are equal); `extrapolated`, the share of designs
        that are far from training.
    """
    return {name: _score(x) for name, x in predictions.items()}


def held(x: Predicted) -> NDArray[np.bool_]:
    """Which intervals contain the measured amount."""
    found: NDArray[np.bool_] = (x.low - ROUNDING <= x.measured) & (x.measured <= x.high + ROUNDING)
    return found


def _score(x: Predicted) -> dict[str, float | None]:
    return {
        "mape_raw": _mape(x.estimate, x.measured),
        "mape": _mape(x.value, x.measured),
        "coverage_90": float(np.mean(held(x))),
        "width_90": float(np.median((x.high - x.low) / np.maximum(x.value, 1))),
        "kendall_tau": _tau(x.value, x.measured),
        "extrapolated": float(np.mean(x.far)),
        "n": len(x.measured),
    }


def _mape(value: Floats, truth: Floats) -> float:
    return float(np.mean(abs(value - truth) / np.maximum(truth, 1)))


def _tau(value: Floats, truth: Floats) -> float | None:
    found = float(kendalltau(np.round(value, 6), truth).statistic)
    return None if np.isnan(found) else found
