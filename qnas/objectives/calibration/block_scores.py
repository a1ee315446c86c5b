"""How well measured blocks foretell blocks that were left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import kendalltau

from qnas.accel.twin.table import Row
from qnas.objectives.calibration.blocks import COUNTED, LEARNED, fit_blocks, measured
from qnas.objectives.calibration.pairs import Floats
from qnas.objectives.cost.blocks import block_resources

Scores = dict[str, dict[str, float | None]]


def leave_one_block_out(rows: Sequence[Row]) -> Scores:
    """Per resource: relative error of the estimate and of the prediction, the share of blocks in
    the 90 % interval, Kendall's tau of predicted against measured, and `n`. Of resources that are
    counted, not learned, the estimate is the prediction, and the interval a point."""
    found = [fit_blocks([r for r in rows if r is not row]).predict([row.block]) for row in rows]
    value, low, high = (np.concatenate([getattr(f, n) for f in found]) for n in _PARTS)
    truth = measured(rows)
    scores: Scores = {}
    for i, name in enumerate(LEARNED):
        inside = (low[:, i] - 0.5 <= truth[:, i]) & (truth[:, i] <= high[:, i] + 0.5)
        raw = _estimates(rows, name)
        scores[name] = _score(raw, value[:, i], truth[:, i], float(np.mean(inside)))
    for name in COUNTED:
        raw, built = _estimates(rows, name), np.array([getattr(r, name) for r in rows], float)
        scores[name] = _score(raw, raw, built, float(np.mean(raw == built)))
    return scores


_PARTS = ("value", "low", "high")


def error_with(rows: Sequence[Row], count: int, *, seed: int) -> tuple[float, ...]:
    """`error_of` what `count` random rows teach of the others."""
    order = np.random.default_rng(seed).permutation(len(rows))
    known, others = ([rows[i] for i in part] for part in (order[:count], order[count:]))
    return error_of(known, others)


def error_of(known: Sequence[Row], others: Sequence[Row]) -> tuple[float, ...]:
    """(LEARNED): mean relative error of predictions for `others`."""
    value = fit_blocks(known).predict([row.block for row in others]).value
    return tuple(float(e) for e in _relative(value, measured(others)).mean(axis=0))


def _estimates(rows: Sequence[Row], name: str) -> Floats:
    return np.array([getattr(block_resources(row.block), name) for row in rows], float)


def _score(raw: Floats, value: Floats, truth: Floats, inside: float) -> dict[str, float | None]:
    tau = float(kendalltau(np.round(value, 6), truth).statistic)
    return {
        "mape_before": float(_relative(raw, truth).mean()),
        "mape_after": float(_relative(value, truth).mean()),
        "coverage_90": inside,
        "kendall_tau": None if np.isnan(tau) else tau,
        "n": len(truth),
    }


def _relative(value: Floats, truth: Floats) -> Floats:
    found: Floats = abs(value - truth) / np.maximum(truth, 1)
    return found
