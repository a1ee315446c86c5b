"""Picks: the members of the front that become accelerators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qnas._util.serialization import Value
from qnas.studies.results.front import StudyRecords
from qnas.studies.search.trials import TrialRecord

KNEE = "knee"
PICK_NAME = re.compile(r"knee|fps[0-9]+")


@dataclass(frozen=True, slots=True)
class Pick:
    """A picked member of the front, with the name of the pick."""

    name: str
    trial: TrialRecord


@dataclass(frozen=True, slots=True)
class MissedTarget(Value):
    """An FPS target that no member of the front reaches, and the nearest, its fastest member.

    Attributes:
        target: Images per second of the study.
        fps: Images per second of the fastest member.
        error: Its top-1 error on the search split, in percent.
        key: Its architecture.
    """

    target: int
    fps: float
    error: float
    key: str

    def __str__(self) -> str:
        return (
            f"{self.target:,} FPS is missed: the fastest on the front reaches {self.fps:,.0f} FPS "
            f"at {self.error:.2f} % error (architecture {self.key})"
        )


def choose(
    records: StudyRecords, fps_targets: Sequence[int], confidence: float = 0.0
) -> tuple[Pick, ...]:
    """Choose the knee, and for each target that the front reaches its most accurate member.

    With `confidence`, a member reaches a target with the lower end of its interval.

    Ties are decided by the largest remainder of the scarcest resource, then by frames per second.
    """
    front = records.front()
    reaching = {
        target: [t for t in front if t.least("fps", confidence) >= target] for target in fps_targets
    }
    fast = [Pick(f"fps{n}", min(found, key=_merit)) for n, found in reaching.items() if found]
    return (Pick(KNEE, records.knee()), *fast)


def missed(
    records: StudyRecords, fps_targets: Sequence[int], confidence: float = 0.0
) -> tuple[MissedTarget, ...]:
    """The targets that no member of the front reaches, as `choose` has it."""
    fastest = max(records.front(), key=lambda trial: trial.least("fps", confidence))
    most = fastest.least("fps", confidence)
    found = most, fastest.values["error"], fastest.architecture.key
    return tuple(MissedTarget(target, *found) for target in fps_targets if target > most)


def _merit(trial: TrialRecord) -> tuple[float, ...]:
    scarcest = max(trial.constraints.values())
    return trial.values["error"], scarcest, -trial.fps, *trial.place
