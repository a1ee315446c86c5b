"""Evaluation of a calibration on designs or blocks that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from qnas.accel.calibration.blocks import COUNTED, LEARNED, estimates, fit_blocks, measured
from qnas.accel.calibration.pairs import MIN_PAIRS, Floats, Pairs
from qnas.accel.calibration.regressor import PairsPrediction, fit_pairs
from qnas.accel.rtl.table import Row
from qnas.errors import ConfigError, problem

Scores = dict[str, dict[str, float | None]]
EXACT = 1e-6  # tolerance of an amount for the rounding of logarithms


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


def evaluate(train: Pairs, test: Pairs, *, seed: int = 0) -> PairsPrediction:
    """Fit a regressor to `train` and predict `test`."""
    return fit_pairs(train, seed=seed).predict(test)


def leave_one_out(pairs: Pairs, *, seed: int = 0) -> PairsPrediction:
    """Predict each kernel from all other kernels.

    Raises:
        ConfigError: There is only one kernel.
    """
    kernels = np.unique(pairs.groups)
    if len(kernels) < 2:
        rule = "must be of two kernels at least to leave one out"
        raise ConfigError(problem("pairs", rule, len(kernels), "Add another kernel's designs."))
    shape = (len(pairs), len(pairs.resources))
    value, low, high = (np.empty(shape) for _ in range(3))
    far = np.zeros(len(pairs), bool)
    for kernel in kernels:
        out = pairs.groups == kernel
        found = fit_pairs(pairs.subset(~out), seed=seed).predict(pairs.subset(out))
        value[out], low[out], high[out], far[out] = found.value, found.low, found.high, found.far
    return PairsPrediction(pairs.resources, value, low, high, far)


def predicted(pairs: Pairs, found: PairsPrediction) -> Mapping[str, Predicted]:
    """Collect the predictions of every resource that `pairs` has implemented amounts of."""
    by_resource = {}
    for index, name in enumerate(found.resources):
        if name in pairs.resources:
            truth, raw = pairs.built([name])[:, 0], pairs.estimates([name])[:, 0]
            value, low, high = (x[:, index] for x in (found.value, found.low, found.high))
            by_resource[name] = Predicted(pairs.groups, truth, raw, value, low, high, found.far)
    return by_resource


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
    found: NDArray[np.bool_] = (x.low - EXACT <= x.measured) & (x.measured <= x.high + EXACT)
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


ROUNDING = 0.5  # counts are whole numbers: intervals include the numbers that they round to


def leave_one_block_out(rows: Sequence[Row]) -> Mapping[str, Predicted]:
    """Predict each block from all other blocks.

    For resources that are counted and not learned, the prediction is the estimate and the interval
    has zero width.

    Raises:
        ConfigError: There are too few blocks to leave one out.
    """
    if len(rows) <= MIN_PAIRS:
        rule, remedy = f"must be {MIN_PAIRS + 1} at least to leave one out", "Measure more."
        raise ConfigError(problem("measured blocks", rule, len(rows), remedy))
    blocks = [row.block for row in rows]
    found = [fit_blocks([r for r in rows if r is not row]).predict([row.block]) for row in rows]
    far = np.concatenate([f.far for f in found])
    names = np.array([block.label for block in blocks])
    predicted = {}
    for resource in (*LEARNED, *COUNTED):
        raw, truth = estimates(blocks, [resource])[:, 0], measured(rows, [resource])[:, 0]
        value = low = high = raw
        if resource in LEARNED:
            i = LEARNED.index(resource)
            value, low, high = (
                np.array([getattr(f, part)[0, i] for f in found])
                for part in ("value", "low", "high")
            )
            low, high = np.maximum(0.0, low - ROUNDING), high + ROUNDING
        predicted[resource] = Predicted(names, truth, raw, value, low, high, far)
    return predicted


def error_of(known: Sequence[Row], others: Sequence[Row]) -> tuple[float, ...]:
    """Mean relative errors, (LEARNED), of predictions for `others` learned from `known`."""
    truth = measured(others, LEARNED)
    value = fit_blocks(known).predict([row.block for row in others]).value
    errors: Floats = abs(value - truth) / np.maximum(truth, 1)
    return tuple(float(e) for e in errors.mean(axis=0))
