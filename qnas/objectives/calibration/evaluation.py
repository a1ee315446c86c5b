"""How well a calibration predicts designs it has not seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnas.errors import ConfigError, problem
from qnas.objectives.calibration.pairs import TARGETS, Pairs
from qnas.objectives.calibration.regressor import Prediction, fit_pairs

Scores = dict[str, dict[str, float]]


def evaluate(train: Pairs, test: Pairs, *, seed: int = 0) -> Scores:
    """Per resource, what `train` teaches of `test`: see `score`."""
    return score(test, fit_pairs(train, seed=seed).predict(test))


def leave_one_out(pairs: Pairs, *, seed: int = 0) -> Scores:
    """As `evaluate`, each kernel predicted from all the others; ConfigError for one kernel only."""
    kernels = np.unique(pairs.groups)
    if len(kernels) < 2:
        rule = "must be of two kernels at least to leave one out"
        raise ConfigError(problem("pairs", rule, len(kernels), "Add another kernel's designs."))
    shape = (len(pairs), len(TARGETS))
    value, low, high = (np.empty(shape) for _ in range(3))
    far = np.zeros(len(pairs), bool)
    for kernel in kernels:
        out = pairs.groups == kernel
        found = fit_pairs(pairs.subset(~out), seed=seed).predict(pairs.subset(out))
        value[out], low[out], high[out], far[out] = found.value, found.low, found.high, found.far
    return score(pairs, Prediction(value, low, high, far))


def score(pairs: Pairs, found: Prediction) -> Scores:
    """MAPE (fractions) before and after, share of designs inside the 90 % interval, median width
    of the interval over the prediction, and the share that lies far from training."""
    scores: dict[str, dict[str, Any]] = {}
    for index, (name, (raw, impl)) in enumerate(TARGETS.items()):
        truth, value = pairs.columns[impl], found.value[:, index]
        low, high = found.low[:, index], found.high[:, index]
        scores[name] = {
            "mape_raw": float(np.mean(abs(pairs.columns[raw] / truth - 1))),
            "mape": float(np.mean(abs(value / truth - 1))),
            "coverage_90": float(np.mean((low <= truth) & (truth <= high))),
            "width_90": float(np.median((high - low) / value)),
            "extrapolated": float(np.mean(found.far)),
            "n": len(pairs),
        }
    return scores
