"""Prediction: what a study believes of a plan; read by limits, objectives, picks and tables alike.

Without a calibration it is the estimate, with intervals of no width. With one it is what
measurements make of the estimate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from qnas._util.serialization import Value
from qnas.accel.cost.estimate import RESOURCES, Estimate

AMOUNTS = ("latency", "fps", *RESOURCES)  # milliseconds, images a second, resources


@dataclass(frozen=True, slots=True)
class Range(Value):
    """An amount and its 90 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, amount: float) -> Range:
        """An interval of no width."""
        return cls(float(amount), float(amount), float(amount))


@dataclass(frozen=True, slots=True)
class Prediction(Value):
    """A range for each name of AMOUNTS, and for "cycles"."""

    amounts: Mapping[str, Range]

    @classmethod
    def of(cls, estimate: Estimate) -> Prediction:
        """The estimate itself."""
        found = {name: getattr(estimate.resources, name) for name in RESOURCES}
        times = {"cycles": estimate.cycles, "latency": estimate.latency_ms, "fps": estimate.fps}
        return cls({name: Range.exactly(amount) for name, amount in (times | found).items()})

    def __getitem__(self, name: str) -> Range:
        return self.amounts[name]

    def value(self, name: str) -> float:
        """The predicted amount itself."""
        return self.amounts[name].value


class Predictor(Protocol):
    """What a study predicts by."""

    def predict(self, estimate: Estimate) -> Prediction:
        """The prediction of a plan with this estimate."""
        ...

    def counted(self, amount: Range) -> float:
        """What of a range must keep a limit: its value, or its upper end."""
        ...

    def estimate_limits(self, limits: Mapping[str, int]) -> Mapping[str, int]:
        """The largest estimates whose prediction keeps `limits`, for the folding search alone."""
        ...


class Uncalibrated:
    """Predicts the estimate."""

    def predict(self, estimate: Estimate) -> Prediction:
        return Prediction.of(estimate)

    def counted(self, amount: Range) -> float:
        return amount.value

    def estimate_limits(self, limits: Mapping[str, int]) -> Mapping[str, int]:
        return limits


UNCALIBRATED = Uncalibrated()
