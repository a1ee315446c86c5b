"""A calibration file: measurements and the recipe, as JSON; fitted anew whenever it is read.

The recipe is one factor a resource, the geometric mean of measured / estimated, kept only where it
foretells a design that is left out better than the estimate does. Few designs allow no more: it is
for users with five to fifty reports. The interval is conformal: the errors of the designs left out.
With fewer than nine designs it is as wide as the largest of them, which covers less than 90 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from qnas.objectives.calibration.designs import MeasuredDesigns
from qnas.objectives.calibration.pairs import Floats
from qnas.objectives.cost.estimate import RESOURCES, Resources
from qnas.serial import Value, read_value

LEVEL = 0.9


@dataclass(frozen=True, slots=True)
class CalibrationFile(Value):
    """What is written."""

    measurements: MeasuredDesigns
    recipe: Literal["factor"] = "factor"


@dataclass(frozen=True, slots=True)
class Range:
    """An amount and its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """(RESOURCES) each, logarithms: what is added to the estimate, and half an interval.
    `before`, `after`: mean relative errors on designs left out."""

    shift: Floats
    half: Floats
    before: Floats
    after: Floats

    def predict(self, estimated: Resources) -> Mapping[str, Range]:
        """Per resource, amounts."""
        found = {}
        for name, shift, half in zip(RESOURCES, self.shift, self.half, strict=True):
            middle = np.log1p(getattr(estimated, name)) + shift
            value, low, high = (float(np.expm1(middle + s * half)) for s in (0, -1, 1))
            found[name] = Range(value, max(0.0, low), high)
        return found


def fit(designs: MeasuredDesigns) -> Calibration:
    """Every design left out once."""
    truth = designs.log_residuals()
    count = len(truth)
    others = (truth.sum(axis=0) - truth) / (count - 1)
    before, learned = (_mape(guess, truth) for guess in (np.zeros_like(truth), others))
    use = learned < before
    rank = min(1.0, np.ceil((count + 1) * LEVEL) / count)
    half = np.quantile(abs(truth - others * use), rank, axis=0, method="higher")
    return Calibration(truth.mean(axis=0) * use, half, before, np.where(use, learned, before))


def read_calibration(path: Path) -> tuple[MeasuredDesigns, Calibration]:
    """CheckpointError for a damaged file; ConfigError for too few measurements in it."""
    measurements = read_value(CalibrationFile, path).measurements
    return measurements, fit(measurements)


def _mape(guess: Floats, truth: Floats) -> Floats:
    """(resources): mean relative error of amounts plus one."""
    found: Floats = np.mean(abs(np.expm1(guess - truth)), axis=0)
    return found
