"""Objective: what a study optimises, a generation of candidates at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from qnas.accel.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.cost.estimate import Estimate

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subnet on its hardware: what one trial proposes. `plan` is of `architecture`."""

    architecture: Architecture
    plan: HardwarePlan
    estimate: Estimate


class Objective(Protocol):
    """One number a candidate. Implementations keep what they can answer again by a key."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def direction(self) -> Direction: ...

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        """Values in the order of `candidates`; NaN or an exception fails the trial."""
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
