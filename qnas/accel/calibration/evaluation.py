"""How well a calibration predicts designs, or blocks, that it has not seen."""

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
EXACT = 1e-6  # what an amount may be off by rounding of logarithms


@dataclass(frozen=True, slots=True)
class Predicted:
    """One resource, (designs) each: `names` of kernels or blocks; amounts measured, estimated, and
    predicted with the 90 % interval; `far`, those that lie far from training."""

    names: NDArray[np.str_]
    measured: Floats
    estimate: Floats
    value: Floats
    low: Floats
    high: Floats
    far: NDArray[np.bool_]


def evaluate(train: Pairs, test: Pairs, *, seed: int = 0) -> PairsPrediction:
    """What `train` teaches of `test`."""
    return fit_pairs(train, seed=seed).predict(test)


def leave_one_out(pairs: Pairs, *, seed: int = 0) -> PairsPrediction:
    """Each kernel predicted from all the others; ConfigError for one kernel only."""
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
    """Of every resource that `pairs` has built."""
    told = {}
    for index, name in enumerate(found.resources):
        if name in pairs.resources:
            truth, raw = pairs.built([name])[:, 0], pairs.estimates([name])[:, 0]
            value, low, high = (x[:, index] for x in (found.value, found.low, found.high))
            told[name] = Predicted(pairs.groups, truth, raw, value, low, high, found.far)
    return told


def score(told: Mapping[str, Predicted]) -> Scores:
    """Per resource. Errors are fractions of what was built, of 1 where nothing was: `mape_raw` of
    the estimate, `mape` of the prediction. `coverage_90` is the share of designs inside the 90 %
    interval, `width_90` its median width over the prediction, `kendall_tau` the order of the
    designs, predicted against built (None where all are equal), and `extrapolated` the share of
    designs that lie far from training."""
    return {name: _score(x) for name, x in told.items()}


def held(x: Predicted) -> NDArray[np.bool_]:
    """Which intervals hold what was measured."""
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


HALF = 0.5  # cells are whole: an interval holds what it rounds to


def leave_one_block_out(rows: Sequence[Row]) -> Mapping[str, Predicted]:
    """Each block predicted from all the others. Of resources that are counted, not learned, the
    estimate is the prediction, and the interval a point. ConfigError where too few are left."""
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
            low, high = np.maximum(0.0, low - HALF), high + HALF
        predicted[resource] = Predicted(names, truth, raw, value, low, high, far)
    return predicted


def error_of(known: Sequence[Row], others: Sequence[Row]) -> tuple[float, ...]:
    """(LEARNED): mean relative error of predictions for `others`."""
    truth = measured(others, LEARNED)
    value = fit_blocks(known).predict([row.block for row in others]).value
    errors: Floats = abs(value - truth) / np.maximum(truth, 1)
    return tuple(float(e) for e in errors.mean(axis=0))
