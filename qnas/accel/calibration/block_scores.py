"""How well measured blocks predict blocks that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from qnas.accel.calibration.blocks import COUNTED, LEARNED, estimates, fit_blocks, measured
from qnas.accel.calibration.evaluation import Predicted
from qnas.accel.calibration.pairs import MIN_PAIRS, Floats
from qnas.accel.rtl.table import Row
from qnas.errors import ConfigError, problem

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
