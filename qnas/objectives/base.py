"""Objective: a value that a study optimises, computed for a generation of candidates at a time."""

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
    """A value for each candidate. Implementations cache values by the architecture's key."""

    @property
    def name(self) -> str:
        """Its name in studies and in `front.csv`."""
        ...

    @property
    def unit(self) -> str:
        """The unit of its values, for tables and plots."""
        ...

    @property
    def direction(self) -> Direction:
        """Whether smaller or larger values are better."""
        ...

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        """Values in the order of `candidates`; NaN or an exception fails the trial."""
        ...


@runtime_checkable
class ImageObjective(Objective, Protocol):
    """An objective that is the share of misclassified images, in percent. It can be evaluated on
    a part of the images, which is what racing needs."""

    @property
    def images(self) -> int:
        """The number of images."""
        ...

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        """Whether the subnet misclassifies each image of `order`, in that order.

        Evaluation goes on in growing parts until `limit` errors are counted (None: to the end), so
        that fewer flags than images may come back.
        """
        ...


@dataclass(frozen=True, slots=True)
class FunctionObjective:
    """An objective made from a function of one candidate: the short way to write one."""

    name: str
    unit: str
    direction: Direction
    function: Callable[[Candidate], float]

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [float(self.function(candidate)) for candidate in candidates]
