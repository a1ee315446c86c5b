"""Selection of one candidate by a user's requirements, with the reasons for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qnas._util.units import counted, plain_number
from qnas.accel.cost.estimate import RESOURCES
from qnas.accel.cost.prediction import AMOUNTS
from qnas.errors import CapacityError, ConfigError, UnknownNameError, nearest, problem
from qnas.objectives.registry import objective_info
from qnas.pareto import Box, knee
from qnas.studies.results.front import StudyRecords
from qnas.studies.search.trials import TrialRecord


@dataclass(frozen=True, slots=True)
class Requirements:
    """A user's requirements on the selected candidate.

    Without `weights` the selection is the most accurate candidate if `fps` is given, else the knee.

    Attributes:
        fps: Least images per second; 0 for no limit.
        at_most: Upper limits by name: an objective in its unit, latency in ms, FPS, or an amount of
            a resource.
        weights: Relative weight of each objective, per worsening over its whole range on the front.
        at_least: Lower limits by the same names.
        confidence: 0: predicted values count; else the ends of their intervals.
    """

    fps: float = 0.0
    at_most: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Selected:
    """The selected candidate, the reasons, and its neighbours on the front that the requirements
    leave."""

    trial: TrialRecord
    reasons: tuple[str, ...]
    more_accurate: TrialRecord | None
    faster: TrialRecord | None


def select_candidate(records: StudyRecords, requirements: Requirements) -> Selected:
    """Select a candidate from the front of those that meet the limits of `requirements`.

    That front may hold a candidate that is not on the study's front: one that only candidates
    beyond a limit dominate.

    Raises:
        UnknownNameError: A name that the study does not have.
        ConfigError: Weights or limits that are not positive numbers.
        CapacityError: No candidate meets the limits.
    """
    _check(records, requirements)
    records.front()  # raises, naming the closest candidate, if nothing fits the device
    fitting = [trial for trial in records.distinct() if trial.feasible]
    keeping = [trial for trial in fitting if _keeps(trial, requirements)]
    if not keeping:
        raise CapacityError(_nobody(fitting, requirements))
    front = records.front_of(keeping)
    trial, rule = _best(records, front, requirements)
    better = [t for t in front if t.values["error"] < trial.values["error"]]
    quicker = [t for t in front if t.fps > trial.fps]
    accurate = max(better, key=lambda t: (t.values["error"], t.fps), default=None)
    faster = min(quicker, key=lambda t: (t.fps, t.values["error"]), default=None)
    reasons = [
        *_sieve(len(fitting), len(keeping), len(front), requirements),
        rule,
        _step(trial, accurate, "more accurate", "is the most accurate of that front"),
        _step(trial, faster, "faster", "is the fastest of that front"),
        _scarcest(trial),
    ]
    return Selected(trial, tuple(reasons), accurate, faster)


def _sieve(fitting: int, keeping: int, front: int, requirements: Requirements) -> list[str]:
    """Sentences on how many candidates each step left."""
    found = [f"{counted(fitting, 'distinct candidate')} of the study fit the device."]
    if limits := _limits_text(requirements):
        found.append(f"{keeping:,} of them keep {limits}.")
    return [*found, f"{front:,} of those are on the front: no other is as good in every objective."]


def _best(
    records: StudyRecords, front: Sequence[TrialRecord], requirements: Requirements
) -> tuple[TrialRecord, str]:
    points = records.minimised(front)
    if requirements.weights:
        weights = np.array([requirements.weights.get(name, 0.0) for name in records.objectives])
        costs = Box.around(points).normalise(points) @ weights
        text = ", ".join(f"{name} {weight:g}" for name, weight in requirements.weights.items())
        index = int(np.argmin(costs))
        return front[index], (
            f"Of the front, trial {front[index].number} has the least weighted sum ({text}), each"
            f" objective from 0 at its best on that front to 1 at its worst: {costs[index]:.3f}."
        )
    if requirements.fps:
        best = min(front, key=lambda t: (t.values["error"], -t.fps, t.place))
        return best, (
            f"Of the front, trial {best.number} is the most accurate:"
            f" {best.values['error']:.2f} % error."
        )
    index = knee(points)
    return front[index], (
        f"Of the front, trial {front[index].number} is the knee: with each objective from 0 at its"
        " best on that front to 1 at its worst, the sum over the objectives is least"
        f" ({Box.around(points).normalise(points)[index].sum():.3f})."
    )


def _step(trial: TrialRecord, other: TrialRecord | None, comparison: str, else_text: str) -> str:
    """A sentence that compares the selected trial with its neighbour on the front."""
    if other is None:
        return f"Trial {trial.number} {else_text}."
    points = other.values["error"] - trial.values["error"]
    texts = [f"error {points:+.2f} points", f"FPS {_relative(trial, other, 'fps')}"]
    texts += [
        f"{name.upper()} {_relative(trial, other, name)}"
        for name in ("lut", "dsp", "bram18")
        if trial.amount(name) > 0 and abs(other.amount(name) / trial.amount(name) - 1) >= 0.005
    ]
    return f"The next {comparison}, trial {other.number}: {', '.join(texts)}."


def _relative(trial: TrialRecord, other: TrialRecord, name: str) -> str:
    return f"{other.amount(name) / trial.amount(name) - 1:+.0%}"


def _scarcest(trial: TrialRecord) -> str:
    used = [(trial.constraints[name], name) for name in RESOURCES if trial.amount(name) > 0]
    violation, name = max(used)
    return f"Its scarcest resource is {name.upper()}: {1 + violation:.0%} of what a plan may use."


def _check(records: StudyRecords, requirements: Requirements) -> None:
    if not (math.isfinite(requirements.fps) and requirements.fps >= 0):
        raise ConfigError(
            problem("fps", "must be a number from 0 up", requirements.fps, "Correct it.")
        )
    amounts, objectives = {*records.objectives, *AMOUNTS}, set(records.objectives)
    for subject, given, known in (
        ("at_most", requirements.at_most, amounts),
        ("at_least", requirements.at_least, amounts),
        ("weight", requirements.weights, objectives),
    ):
        for name, value in given.items():
            if name not in known:
                rule = "must name an objective of the study" + (
                    "" if subject == "weight" else ", latency, fps or a resource"
                )
                raise UnknownNameError(problem(subject, rule, repr(name), nearest(name, known)))
            if not (math.isfinite(value) and value >= 0):
                rule = "must be a number from 0 up"
                raise ConfigError(problem(f"{subject} {name}", rule, value, "Correct it."))
    if requirements.weights and not any(requirements.weights.values()):
        raise ConfigError(problem("weight", "must not all be 0", 0, "Give one at least."))


def _keeps(trial: TrialRecord, requirements: Requirements) -> bool:
    level = requirements.confidence
    return (
        trial.least("fps", level) >= requirements.fps
        and all(trial.most(name, level) <= limit for name, limit in requirements.at_most.items())
        and all(trial.least(name, level) >= limit for name, limit in requirements.at_least.items())
    )


def _nobody(fitting: Sequence[TrialRecord], requirements: Requirements) -> str:
    reach = [
        f"{name} from {plain_number(min(t.amount(name) for t in fitting))}"
        for name in requirements.at_most
    ]
    reach += [
        f"{name} up to {plain_number(max(t.amount(name) for t in fitting))}"
        for name in requirements.at_least
    ]
    if requirements.fps:
        reach.append(f"FPS up to {plain_number(max(t.fps for t in fitting))}")
    return problem(
        "pick",
        f"must find a candidate that keeps {_limits_text(requirements)}",
        "none",
        f"One by one the study reaches {', '.join(reach)}. Loosen a limit.",
    )


def _limits_text(requirements: Requirements) -> str:
    limits = [f"FPS >= {plain_number(requirements.fps)}"] if requirements.fps else []
    limits += [
        f"{_shown(name)} <= {plain_number(limit)}" for name, limit in requirements.at_most.items()
    ]
    limits += [
        f"{_shown(name)} >= {plain_number(limit)}" for name, limit in requirements.at_least.items()
    ]
    return " and ".join(limits)


def _shown(name: str) -> str:
    units = {"latency": "latency (ms)", "fps": "FPS"}
    if name in units:
        return units[name]
    return name.upper() if name in AMOUNTS else f"{name} ({objective_info(name).unit})"
