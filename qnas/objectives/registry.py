"""The objectives a study can name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnas.accel.device import Device
from qnas.errors import UnknownNameError, nearest, problem
from qnas.objectives.base import Direction, Objective
from qnas.objectives.hardware import (
    EnergyObjective,
    FpsObjective,
    LatencyObjective,
    ResourceObjective,
)

if TYPE_CHECKING:
    from qnas.objectives.accuracy import AccuracyEvaluator


@dataclass(frozen=True, slots=True)
class ObjectiveInfo:
    """What there is to know of an objective without building it."""

    name: str
    unit: str
    direction: Direction
    about: str


_INFOS = (
    ObjectiveInfo("error", "%", "minimize", "top-1 error on the search split, fake-quantized"),
    ObjectiveInfo("latency", "ms", "minimize", "one image at the plan's clock"),
    ObjectiveInfo("fps", "images/s", "maximize", "batch 1 at the plan's clock"),
    ObjectiveInfo("energy", "mJ", "minimize", "one image, a model of operations and bytes"),
    ObjectiveInfo("lut", "LUTs", "minimize", "look-up tables of the plan"),
    ObjectiveInfo("ff", "FFs", "minimize", "flip-flops of the plan"),
    ObjectiveInfo("dsp", "DSPs", "minimize", "DSP blocks of the plan"),
    ObjectiveInfo("bram18", "BRAM18s", "minimize", "18 Kb block RAMs of the plan"),
    ObjectiveInfo("uram", "URAMs", "minimize", "UltraRAMs of the plan"),
)


def objective_names() -> list[str]:
    """Every name that `make_objectives` answers to."""
    return [info.name for info in _INFOS]


def objective_info(name: str) -> ObjectiveInfo:
    """Unit and direction of an objective; UnknownNameError names the nearest."""
    for info in _INFOS:
        if info.name == name:
            return info
    remedy = nearest(name, objective_names())
    raise UnknownNameError(problem("objective", "must be a known name", repr(name), remedy))


def make_objectives(
    names: Sequence[str], evaluator: AccuracyEvaluator, device: Device
) -> tuple[Objective, ...]:
    """The objectives `names`, in order, of plans for `device`; `evaluator` answers for accuracy."""
    return tuple(_make(objective_info(name), evaluator, device) for name in names)


def _make(info: ObjectiveInfo, evaluator: AccuracyEvaluator, device: Device) -> Objective:
    if info.name == "error":
        from qnas.objectives.accuracy import ErrorObjective

        return ErrorObjective(evaluator)
    if info.name == "latency":
        return LatencyObjective()
    if info.name == "fps":
        return FpsObjective()
    if info.name == "energy":
        return EnergyObjective(device)
    return ResourceObjective(info.name, info.unit)
