"""Objectives that read the predicted amounts of a candidate's plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qnas.accel.cost.energy import energy
from qnas.accel.device import Device
from qnas.objectives.base import Candidate, Direction


@dataclass(frozen=True, slots=True)
class LatencyObjective:
    """Milliseconds for one pass at the plan's clock."""

    name: str = "latency"
    unit: str = "ms"
    direction: Direction = "minimize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.predicted.value("latency") for candidate in candidates]


@dataclass(frozen=True, slots=True)
class FpsObjective:
    """Images per second, batch 1, at the plan's clock."""

    name: str = "fps"
    unit: str = "images/s"
    direction: Direction = "maximize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.predicted.value("fps") for candidate in candidates]


@dataclass(frozen=True, slots=True)
class EnergyObjective:
    """Millijoule of one image on `device`, by the model of `cost/energy.py` and the predicted
    cycles."""

    device: Device
    name: str = "energy"
    unit: str = "mJ"
    direction: Direction = "minimize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [self._energy_mj(candidate) for candidate in candidates]

    def _energy_mj(self, candidate: Candidate) -> float:
        cycles = candidate.predicted.value("cycles")
        return energy(candidate.plan, self.device, candidate.estimate, cycles=cycles).total_mj


@dataclass(frozen=True, slots=True)
class ResourceObjective:
    """The predicted use of one device resource, `name` of RESOURCES."""

    name: str
    unit: str
    direction: Direction = "minimize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.predicted.value(self.name) for candidate in candidates]


# The plan alone determines these objectives: a study computes them before it evaluates images.
MODELLED = (LatencyObjective, FpsObjective, EnergyObjective, ResourceObjective)
