"""Kendall's tau-b, and the difference of two, with 95 % bootstrap intervals over subnets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES, SEED = 9999, 0
Floats = NDArray[np.float64]


def agreement(truth: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    """Tau-b of two series of the same subnets, and its interval; subnets are drawn in pairs."""
    low, high = _interval(_resampled(truth, predicted))
    value = float(stats.kendalltau(truth, predicted).statistic)
    return {"kendall_tau": _known(value, 0), "ci_low": _known(low, -1), "ci_high": _known(high, 1)}


def gain(
    truth: Sequence[float], other: Sequence[float], predicted: Sequence[float]
) -> dict[str, float]:
    """How much higher tau is with `predicted` than with `other`, on the same resamples."""
    taus = [stats.kendalltau(truth, x).statistic for x in (predicted, other)]
    low, high = _interval(_resampled(truth, predicted) - _resampled(truth, other))
    value = float(taus[0] - taus[1])
    return {"gain": _known(value, 0), "gain_low": _known(low, -2), "gain_high": _known(high, 2)}


def beyond(
    truth: Sequence[float], known: Sequence[float], predicted: Sequence[float]
) -> dict[str, float]:
    """Kendall's partial tau (1942): how far `predicted` agrees with the truth where the order of
    `known` does not say it already. 0: it adds nothing."""
    series = ((truth, predicted), (truth, known), (predicted, known))
    value = _partial(*(np.asarray(stats.kendalltau(*pair).statistic) for pair in series))
    low, high = _interval(_partial(*(_resampled(*pair) for pair in series)))
    return {
        "beyond": _known(float(value), 0),
        "beyond_low": _known(low, -1),
        "beyond_high": _known(high, 1),
    }


def _known(value: float, otherwise: float) -> float:
    """`value`; `otherwise` where too few subnets, or equal accuracies, leave it undefined."""
    return float(otherwise) if math.isnan(value) else round(value, 4)


def _partial(wanted: Floats, first: Floats, second: Floats) -> Floats:
    rest = np.sqrt((1 - first**2) * (1 - second**2))
    return np.divide(
        wanted - first * second, rest, out=np.full_like(rest, np.nan), where=rest > 1e-9
    )


def _resampled(truth: Sequence[float], predicted: Sequence[float]) -> Floats:
    count = len(truth)
    drawn = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
    return _taus(*np.array([truth, predicted], dtype=float)[:, drawn])


def _interval(values: Floats) -> tuple[float, float]:
    # Few subnets, all the same one in a resample: it has no ranking, and is left out.
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def _taus(a: Floats, b: Floats) -> Floats:
    """Tau-b of each row of a and b (resamples, subnets); nan where one of them is constant."""
    orders = [np.sign(x[:, :, None] - x[:, None, :]) for x in (a, b)]
    agreed = (orders[0] * orders[1]).sum(axis=(1, 2))
    possible = np.sqrt(np.prod([np.abs(order).sum(axis=(1, 2)) for order in orders], axis=0))
    return np.divide(agreed, possible, out=np.full(len(a), np.nan), where=possible > 0)
