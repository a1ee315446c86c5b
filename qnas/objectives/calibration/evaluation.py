"""How well a calibration predicts designs it has not seen."""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau

from qnas.errors import ConfigError, problem
from qnas.objectives.calibration.pairs import Floats, Pairs
from qnas.objectives.calibration.regressor import Prediction, fit_pairs

Scores = dict[str, dict[str, float | None]]
EXACT = 1e-6  # what an amount may be off by rounding of logarithms


def evaluate(train: Pairs, test: Pairs, *, seed: int = 0) -> Prediction:
    """What `train` teaches of `test`."""
    return fit_pairs(train, seed=seed).predict(test)


def leave_one_out(pairs: Pairs, *, seed: int = 0) -> Prediction:
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
    return Prediction(pairs.resources, value, low, high, far)


def score(pairs: Pairs, found: Prediction) -> Scores:
    """Per resource that `pairs` has built. Errors are fractions of what was built, of 1 where
    nothing was: `mape_raw` of the estimate, `mape` of the prediction. `coverage_90` is the share
    of designs inside the 90 % interval, `width_90` its median width over the prediction,
    `kendall_tau` the order of the designs, predicted against built (None where all are equal), and
    `extrapolated` the share of designs that lie far from training."""
    scores: Scores = {}
    for index, name in enumerate(found.resources):
        if name not in pairs.resources:
            continue
        truth, raw = pairs.built([name])[:, 0], pairs.estimates([name])[:, 0]
        value, low, high = (x[:, index] for x in (found.value, found.low, found.high))
        scores[name] = {
            "mape_raw": _mape(raw, truth),
            "mape": _mape(value, truth),
            "coverage_90": float(np.mean((low - EXACT <= truth) & (truth <= high + EXACT))),
            "width_90": float(np.median((high - low) / np.maximum(value, 1))),
            "kendall_tau": _tau(value, truth),
            "extrapolated": float(np.mean(found.far)),
            "n": len(pairs),
        }
    return scores


def _mape(value: Floats, truth: Floats) -> float:
    return float(np.mean(abs(value - truth) / np.maximum(truth, 1)))


def _tau(value: Floats, truth: Floats) -> float | None:
    found = float(kendalltau(np.round(value, 6), truth).statistic)
    return None if np.isnan(found) else found
