"""Prediction: the amounts of a plan that limits, objectives, picks and tables read.

Without a calibration, a prediction is the estimate, with intervals of zero width. With one, it is
the estimate as corrected by measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from qnas._util.serialization import Value
from qnas.accel.cost.estimate import RESOURCES, Estimate

AMOUNTS = ("latency", "fps", *RESOURCES)  # milliseconds, images per second, resources


@dataclass(frozen=True, slots=True)
class Range(Value):
    """An amount and its 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, amount: float) -> Range:
        """Make an interval of zero width."""
        return cls(float(amount), float(amount), float(amount))


@dataclass(frozen=True, slots=True)
class Prediction(Value):
    """A range for each name in AMOUNTS, and for "cycles"."""

    amounts: Mapping[str, Range]

    @classmethod
    def of(cls, estimate: Estimate) -> Prediction:
        """Make the prediction that equals the estimate."""
        found = {name: getattr(estimate.resources, name) for name in RESOURCES}
        times = {"cycles": estimate.cycles, "latency": estimate.latency_ms, "fps": estimate.fps}
        return cls({name: Range.exactly(amount) for name, amount in (times | found).items()})

    def __getitem__(self, name: str) -> Range:
        return self.amounts[name]

    def value(self, name: str) -> float:
        """Return the predicted amount, without its interval."""
        return self.amounts[name].value


class Predictor(Protocol):
    """Protocol: turns estimates into predictions for a study."""

    def predict(self, estimate: Estimate) -> Prediction:
        """Predict the amounts of a plan with this estimate."""
        ...

    def counted(self, amount: Range) -> float:
        """Return the end of a range that must keep a limit: its value or its upper end."""
        ...

    def estimate_limits(self, limits: Mapping[str, int]) -> Mapping[str, int]:
        """Return the largest estimates whose predictions keep `limits` (for the folding search)."""
        ...


class Uncalibrated:
    """The predictor that returns the estimate."""

    def predict(self, estimate: Estimate) -> Prediction:
        return Prediction.of(estimate)

    def counted(self, amount: Range) -> float:
        return amount.value

    def estimate_limits(self, limits: Mapping[str, int]) -> Mapping[str, int]:
        return limits


UNCALIBRATED = Uncalibrated()
