"""Prediction: the amounts of a plan that limits, objectives, picks and tables read.

A prediction says which back end's kernel it is of: the C++, or the RTL. Without a calibration it is
the estimate of the C++, with intervals of zero width. With one, it is that back end's structural
estimate as corrected by measurements; an amount that was measured is the measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from qnas._util.serialization import Value
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.plan.plan import HardwarePlan

AMOUNTS = ("latency", "fps", *RESOURCES)  # milliseconds, images per second, resources
CYCLES = ("cycles", "cycles_first")  # of each further pass, and of the first one of a call
CONFIDENCE = 0.9  # of the intervals

Backend = Literal["c++", "rtl"]
KERNEL_OF: Mapping[str, str] = {"c++": "C++ kernel", "rtl": "RTL kernel"}
Kind = Literal["modelled", "predicted", "measured"]
MADE_OF = {"latency": "cycles_first", "fps": "cycles"}  # amounts that follow from others


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

    @property
    def width(self) -> float:
        """The width of the interval over the value."""
        return (self.high - self.low) / max(self.value, 1e-9)

    def most(self, confidence: float) -> float:
        """The end that must keep an upper limit: the value, or with confidence the upper end."""
        return self.high if confidence else self.value

    def least(self, confidence: float) -> float:
        """The end that must reach a lower limit: the value, or with confidence the lower end."""
        return self.low if confidence else self.value


@dataclass(frozen=True, slots=True)
class Prediction(Value):
    """A range for each name in AMOUNTS and CYCLES.

    Attributes:
        amounts: The ranges.
        backend: Whose kernel it is.
        predicted: The amounts that measurements of other kernels correct.
        measured: The amounts that were measured of this kernel.
    """

    amounts: Mapping[str, Range]
    backend: Backend = "c++"
    predicted: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()

    @classmethod
    def of(cls, estimate: Estimate) -> Prediction:
        """Make the prediction that equals the estimate."""
        found = {name: getattr(estimate.resources, name) for name in RESOURCES}
        times = {"latency": estimate.latency_ms, "fps": estimate.fps}
        cycles = {name: getattr(estimate, name) for name in CYCLES}
        everything = {**cycles, **times, **found}
        return cls({name: Range.exactly(amount) for name, amount in everything.items()})

    def __getitem__(self, name: str) -> Range:
        return self.amounts[name]

    def value(self, name: str) -> float:
        """Return the predicted amount, without its interval."""
        return self.amounts[name].value

    def kind(self, name: str) -> Kind:
        """What an amount is: modelled, predicted or measured."""
        source = MADE_OF.get(name, name)
        if source in self.measured:
            return "measured"
        return "predicted" if source in self.predicted else "modelled"

    def text(self, name: str) -> str:
        """An amount in figures: with half the width of its interval, or that it was measured."""
        found = self.amounts[name]
        if self.kind(name) == "measured":
            return f"{found.value:,.0f} measured"
        spread = f" \N{PLUS-MINUS SIGN}{found.width / 2:.1%}" if found.low < found.high else ""
        return f"{found.value:,.0f}{spread}"

    @property
    def title(self) -> str:
        """Whose kernel the amounts are of, and what most of them are."""
        kinds = {self.kind(name) for name in self.amounts}
        best = next(kind for kind in ("predicted", "measured", "modelled") if kind in kinds)
        return f"{KERNEL_OF[self.backend]}, {best}"

    def label(self, name: str) -> str:
        """What an amount is, and of which kernel."""
        return f"{self.kind(name)}, {KERNEL_OF[self.backend]}"


class Predictor(Protocol):
    """Protocol: turns estimates into predictions for a study.

    `confidence` is that with which limits shall be kept: 0 if the value counts, else the end of
    the interval.
    """

    @property
    def confidence(self) -> float: ...

    def predict(self, estimate: Estimate, plans: Sequence[HardwarePlan]) -> Prediction:
        """Predict the kernel of `plans`; cycles and `estimate` are those of the first one."""
        ...


class Uncalibrated:
    """The predictor that returns the estimate."""

    confidence = 0.0

    def predict(self, estimate: Estimate, plans: Sequence[HardwarePlan]) -> Prediction:
        return Prediction.of(estimate)


UNCALIBRATED = Uncalibrated()
