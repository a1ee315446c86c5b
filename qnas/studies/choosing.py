"""One member of the front for a user's wishes, and the reasons why it is this one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qnas.errors import CapacityError, ConfigError, UnknownNameError, nearest, problem
from qnas.objectives.cost.estimate import RESOURCES
from qnas.pareto import Box, knee
from qnas.studies.front import StudyRecords
from qnas.studies.records import TrialRecord


@dataclass(frozen=True, slots=True)
class Wishes:
    """`fps`: images a second at least. `at_most`: an objective in its unit, or an amount of a
    resource. `weights`: what a worsening of an objective over its whole range on the front counts,
    relative to the others; without weights it is the knee, or with `fps` the most accurate."""

    fps: float = 0.0
    at_most: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """The member chosen, why, and its neighbours on the front that the wishes leave."""

    trial: TrialRecord
    reasons: tuple[str, ...]
    more_accurate: TrialRecord | None
    faster: TrialRecord | None


def choose_one(records: StudyRecords, wishes: Wishes) -> Choice:
    """The member of the front that the wishes ask for.

    Raises UnknownNameError for names that the study does not have, ConfigError for weights and
    limits that are no positive numbers, CapacityError if no member keeps within the limits.
    """
    _check(records, wishes)
    front = records.front()
    left = [trial for trial in front if _keeps(trial, wishes)]
    if not left:
        raise CapacityError(_nobody(front, wishes))
    trial, rule = _best(records, front, left, wishes)
    reasons = [f"The front has {len(front)} members."]
    if wishes.fps or wishes.at_most:
        reasons.append(f"{len(left)} of them keep {_limits_text(wishes)}.")
    better = [t for t in left if t.values["error"] < trial.values["error"]]
    faster = [t for t in left if t.estimate.fps > trial.estimate.fps]
    return Choice(
        trial=trial,
        reasons=(*reasons, rule),
        more_accurate=max(better, key=lambda t: (t.values["error"], t.estimate.fps), default=None),
        faster=min(faster, key=lambda t: (t.estimate.fps, t.values["error"]), default=None),
    )


def amount(trial: TrialRecord, name: str) -> float:
    """An objective's value, or how much of a resource the plan uses."""
    if name in trial.values:
        return trial.values[name]
    return float(getattr(trial.estimate.resources, name))


def _best(
    records: StudyRecords,
    front: Sequence[TrialRecord],
    left: Sequence[TrialRecord],
    wishes: Wishes,
) -> tuple[TrialRecord, str]:
    points = records.minimised(left)
    if wishes.weights:
        weights = np.array([wishes.weights.get(name, 0.0) for name in records.objectives])
        costs = Box.around(records.minimised(front)).normalise(points) @ weights
        text = ", ".join(f"{name} {weight:g}" for name, weight in wishes.weights.items())
        index = int(np.argmin(costs))
        return left[index], (
            f"The least weighted sum ({text}), each objective over its range on the front:"
            f" {costs[index]:.3f}."
        )
    if wishes.fps:
        best = min(left, key=lambda t: (t.values["error"], -t.estimate.fps, t.number))
        return best, f"The most accurate of them: {best.values['error']:.2f} % error."
    index = knee(points)
    return left[index], (
        "The knee: farthest below the plane through the best of each objective, so that leaving"
        " it costs most of one for what it gains of another."
    )


def _check(records: StudyRecords, wishes: Wishes) -> None:
    if not (math.isfinite(wishes.fps) and wishes.fps >= 0):
        raise ConfigError(problem("fps", "must be a number from 0 up", wishes.fps, "Correct it."))
    for subject, given, known in (
        ("at_most", wishes.at_most, {*records.objectives, *RESOURCES}),
        ("weight", wishes.weights, set(records.objectives)),
    ):
        for name, value in given.items():
            if name not in known:
                rule = "must name an objective of the study" + (
                    " or a resource" if subject == "at_most" else ""
                )
                raise UnknownNameError(problem(subject, rule, repr(name), nearest(name, known)))
            if not (math.isfinite(value) and value >= 0):
                rule = "must be a number from 0 up"
                raise ConfigError(problem(f"{subject} {name}", rule, value, "Correct it."))
    if wishes.weights and not any(wishes.weights.values()):
        raise ConfigError(problem("weight", "must not all be 0", 0, "Give one at least."))


def _keeps(trial: TrialRecord, wishes: Wishes) -> bool:
    return trial.estimate.fps >= wishes.fps and all(
        amount(trial, name) <= limit for name, limit in wishes.at_most.items()
    )


def _nobody(front: Sequence[TrialRecord], wishes: Wishes) -> str:
    reach = [f"{name} from {min(amount(t, name) for t in front):.4g}" for name in wishes.at_most]
    if wishes.fps:
        reach.append(f"FPS up to {max(t.estimate.fps for t in front):.0f}")
    return problem(
        "pick",
        f"must find a member of the front within {_limits_text(wishes)}",
        "none",
        f"One by one the front reaches {', '.join(reach)}. Loosen a limit.",
    )


def _limits_text(wishes: Wishes) -> str:
    limits = [f"{name} <= {limit:g}" for name, limit in wishes.at_most.items()]
    return " and ".join(([f"FPS >= {wishes.fps:g}"] if wishes.fps else []) + limits)
