"""Objective: what a study optimises, a generation of candidates at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subnet on its hardware: what one trial proposes. `plan` is of `architecture`; `predicted`
    is what the study believes of it, and what objectives read."""

    architecture: Architecture
    plan: HardwarePlan
    estimate: Estimate
    predicted: Prediction

    @classmethod
    def modelled(cls, architecture: Architecture, plan: HardwarePlan, estimate: Estimate) -> Self:
        """Without a calibration: what is predicted is the estimate."""
        return cls(architecture, plan, estimate, Prediction.of(estimate))


class Objective(Protocol):
    """One number a candidate. Implementations keep what they can answer again by a key."""

    @property
    def name(self) -> str:
        """What studies and `front.csv` call it."""
        ...

    @property
    def unit(self) -> str:
        """The unit of its values, for people."""
        ...

    @property
    def direction(self) -> Direction:
        """Which values are better."""
        ...

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        """Values in the order of `candidates`; NaN or an exception fails the trial."""
        ...


@runtime_checkable
class ImageObjective(Objective, Protocol):
    """An objective that is the share of images on which a subnet errs, in percent: it can be told
    in parts."""

    @property
    def images(self) -> int:
        """How many there are."""
        ...

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        """Whether it errs on each image of `order`, in that order; of growing parts of them, until
        there are `limit` errors or more, or on all of them."""
        ...


@dataclass(frozen=True, slots=True)
class FunctionObjective:
    """A function of one candidate as an objective: the short way to one of your own."""

    name: str
    unit: str
    direction: Direction
    function: Callable[[Candidate], float]

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [float(self.function(candidate)) for candidate in candidates]
