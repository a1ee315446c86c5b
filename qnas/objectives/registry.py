"""The objectives that a study can name: built-in ones, those of plugins, and the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from qnas._util.extensions import is_reference, load_plugin, load_reference, plugin_names
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.device import Device
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.objectives.base import Direction, Objective
from qnas.objectives.hardware import (
    EnergyObjective,
    FpsObjective,
    LatencyObjective,
    ResourceObjective,
)

if TYPE_CHECKING:
    from qnas.objectives.accuracy import AccuracyEvaluator


GROUP = "qnas.objectives"
# Objectives of the images beside `error`, and the field of `Scores` that each reads.
SCORES = {"top5_error": "top5", "macro_f1": "macro_f1", "worst_class": "worst_class"}


@dataclass(frozen=True, slots=True)
class ObjectiveInfo:
    """Name, unit, direction and description of an objective, without constructing it."""

    name: str
    unit: str
    direction: Direction
    about: str


_INFOS = (
    ObjectiveInfo("error", "%", "minimize", "top-1 error on the search split, fake-quantized"),
    ObjectiveInfo("top5_error", "%", "minimize", "top-5 error, as `error`"),
    ObjectiveInfo("macro_f1", "%", "maximize", "mean F1 of the classes, as `error`"),
    ObjectiveInfo("worst_class", "%", "maximize", "accuracy of the worst class, as `error`"),
    ObjectiveInfo(
        "latency",
        "ms",
        "minimize",
        "a pass of the kernel at the plan's clock: an image, or `search.batch`",
    ),
    ObjectiveInfo("fps", "images/s", "maximize", "a stream of passes at the plan's clock"),
    ObjectiveInfo("energy", "mJ", "minimize", "one image, a model of operations and bytes"),
    ObjectiveInfo("lut", "LUTs", "minimize", "look-up tables of the plan"),
    ObjectiveInfo("ff", "FFs", "minimize", "flip-flops of the plan"),
    ObjectiveInfo("dsp", "DSPs", "minimize", "DSP blocks of the plan"),
    ObjectiveInfo("bram18", "BRAM18s", "minimize", "18 Kb block RAMs of the plan"),
    ObjectiveInfo("uram", "URAMs", "minimize", "UltraRAMs of the plan"),
)


# Descriptions that runs recorded, by reference: the Python files are not executed for them.
_RECORDED: dict[str, ObjectiveInfo] = {}


def use_recorded(name: str, info: ObjectiveInfo) -> None:
    """Let `objective_info` describe the reference `name` by what a run recorded.

    Raises:
        ConfigError: Another run recorded something else for the same reference.
    """
    if _RECORDED.setdefault(name, info) != info:
        rule, remedy = "must be one objective in all runs that are read", "Read them apart."
        raise ConfigError(problem("objectives", rule, f"{name}: two", remedy))


def check_objective(name: str) -> None:
    """Load the objective `name` of a study that is about to run, and drop its recorded description.

    Raises:
        UnknownNameError: No objective has this name.
        ConfigError: The named object is not an Objective.
    """
    _RECORDED.pop(name, None)
    objective_info(name)


def objective_names() -> list[str]:
    """The names of the built-in objectives and those of plugins."""
    ours = [info.name for info in _INFOS]
    return ours + [name for name in plugin_names(GROUP) if name not in ours]


def objective_info(name: str) -> ObjectiveInfo:
    """Describe the objective of a name, or of a reference into a Python file.

    Raises:
        UnknownNameError: No objective has this name.
    """
    for info in _INFOS:
        if info.name == name:
            return info
    if name in _RECORDED:
        return _RECORDED[name]
    own = own_objective(name)
    about = (type(own).__doc__ or "").strip().split("\n")[0]
    return ObjectiveInfo(own.name, own.unit, own.direction, f"{name}: {about}")


def own_objective(name: str) -> Objective:
    """Load an objective of a plugin (entry point group GROUP), or the user's own (`mine.py:NAME`).

    Raises:
        UnknownNameError: No plugin has this name.
        ConfigError: The named object is no Objective, or has the name of a built-in one.
    """
    if is_reference(name):
        found = load_reference(name, subject="objectives")
    elif name in plugin_names(GROUP):
        found = load_plugin(GROUP, name)
    else:
        remedy = nearest(name, objective_names())
        raise UnknownNameError(problem("objectives", "must be a known name", repr(name), remedy))
    if not (
        callable(getattr(found, "evaluate", None))
        and all(isinstance(getattr(found, part, None), str) for part in ("name", "unit"))
        and getattr(found, "direction", None) in get_args(Direction)
    ):
        rule = "must be an Objective (name, unit, direction, evaluate)"
        remedy = "Make one with qnas.objectives.base.FunctionObjective."
        raise ConfigError(problem("objectives", rule, f"{name}: {found!r:.80}", remedy))
    if found.name in [info.name for info in _INFOS]:
        rule, remedy = "must have a name of its own", "Rename it."
        raise ConfigError(problem("objectives", rule, f"{name}: {found.name!r}", remedy))
    objective: Objective = found
    return objective


def make_objectives(
    names: Sequence[str], evaluator: AccuracyEvaluator, device: Device
) -> tuple[Objective, ...]:
    """Make the objectives `names`, in order; `evaluator` computes accuracies, `device` energy."""
    return tuple(_make(name, evaluator, device) for name in names)


def modelled_objective(name: str, device: Device) -> Objective | None:
    """The objective `name` if a plan for `device` determines its value, else None."""
    if name == "latency":
        return LatencyObjective()
    if name == "fps":
        return FpsObjective()
    if name == "energy":
        return EnergyObjective(device)
    if name in RESOURCES:
        unit = objective_info(name).unit
        return ResourceObjective(name, unit)
    return None


def _make(name: str, evaluator: AccuracyEvaluator, device: Device) -> Objective:
    if name == "error":
        from qnas.objectives.accuracy import ErrorObjective

        return ErrorObjective(evaluator)
    if name in SCORES:
        from qnas.objectives.accuracy import ScoreObjective

        return ScoreObjective(evaluator, SCORES[name], name, objective_info(name).direction)
    return modelled_objective(name, device) or own_objective(name)
