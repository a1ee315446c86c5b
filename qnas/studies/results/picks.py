"""Picks: the members of the front that become accelerators."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.operations import Gemm, Tensor, network_operations
from qnas.studies.results.front import StudyRecords
from qnas.studies.search.trials import TrialRecord

KNEE = "knee"
PICK_NAME = re.compile(r"knee|fps[0-9]+")


@dataclass(frozen=True, slots=True)
class Pick:
    """A picked member of the front, with the name of the pick."""

    name: str
    trial: TrialRecord


def choose(records: StudyRecords, fps_targets: Sequence[int]) -> tuple[Pick, ...]:
    """Choose the knee, and for each target the most accurate member of the front that reaches it.

    Ties are decided by the largest remainder of the scarcest resource, then by frames per second.

    Raises:
        ConfigError: No member of the front reaches a target.
    """
    front = records.front()
    fast = [Pick(f"fps{target}", _most_accurate(front, target)) for target in fps_targets]
    return (Pick(KNEE, records.knee()), *fast)


def reached(records: StudyRecords, fps_targets: Sequence[int]) -> tuple[int, ...]:
    """The targets that at least one member of the front reaches."""
    fastest = max(trial.fps for trial in records.front())
    return tuple(target for target in fps_targets if target <= fastest)


def w8_share(architecture: Architecture) -> float:
    """Share of the weights in 8-bit rows."""
    matrices = [
        op
        for op in network_operations(architecture)
        if isinstance(op, Gemm) and op.left == Tensor.WEIGHTS
    ]
    return sum(m.w8_rows * m.inner for m in matrices) / sum(m.rows * m.inner for m in matrices)


def _merit(trial: TrialRecord) -> tuple[float, ...]:
    scarcest = max(trial.constraints.values())
    return trial.values["error"], scarcest, -trial.fps, *trial.place


def _most_accurate(front: Sequence[TrialRecord], target: int) -> TrialRecord:
    reaching = [trial for trial in front if trial.fps >= target]
    if reaching:
        return min(reaching, key=_merit)
    fastest = max(front, key=lambda trial: trial.fps)
    raise ConfigError(
        problem(
            "fps_targets",
            "must be reached by some member of the front",
            target,
            f"The fastest reaches {fastest.fps:.0f} FPS at {fastest.values['error']:.2f} %"
            f" error (architecture {fastest.architecture.key}). Choose at most that; what was"
            " searched is kept.",
        )
    )
