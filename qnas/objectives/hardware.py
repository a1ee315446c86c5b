"""Objectives read off the estimate of a candidate's plan: modelled, never measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnas.accel.cost.energy import energy
from qnas.accel.device import Device
from qnas.objectives.base import Candidate, Direction

if TYPE_CHECKING:  # it brings scipy
    from qnas.accel.calibration.file import Calibration


@dataclass(frozen=True, slots=True)
class LatencyObjective:
    """Milliseconds for one image at the plan's clock."""

    name: str = "latency"
    unit: str = "ms"
    direction: Direction = "minimize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.estimate.latency_ms for candidate in candidates]


@dataclass(frozen=True, slots=True)
class FpsObjective:
    """Images a second, batch 1, at the plan's clock."""

    name: str = "fps"
    unit: str = "images/s"
    direction: Direction = "maximize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.estimate.fps for candidate in candidates]


@dataclass(frozen=True, slots=True)
class EnergyObjective:
    """Millijoule of one image on `device`, by the model of `cost/energy.py`."""

    device: Device
    name: str = "energy"
    unit: str = "mJ"
    direction: Direction = "minimize"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [energy(c.plan, self.device, c.estimate).total_mj for c in candidates]


@dataclass(frozen=True, slots=True)
class ResourceObjective:
    """How many of one device resource (`name`, of RESOURCES) the plan uses: the estimate, or what
    `calibration` makes of it."""

    name: str
    unit: str
    direction: Direction = "minimize"
    calibration: Calibration | None = None

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        found = [float(getattr(c.estimate.resources, self.name)) for c in candidates]
        if self.calibration is None:
            return found
        return [self.calibration.range_of(self.name, amount).value for amount in found]


# Told by the plan alone, in no time: a study looks at these before it spends images.
MODELLED = (LatencyObjective, FpsObjective, EnergyObjective, ResourceObjective)
