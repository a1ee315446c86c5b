"""refine.json: the kernels that a run measured, and the rounds of `qnas refine`.

The kernels are only ever added to. The trials of the study say with how many of them their
predictions were made (REFINED), so that a refinement that was cut short leaves both as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qnas._util.serialization import Value, read_value
from qnas.accel.calibration.designs import Columns, Designs, Setup, Subject

REFINED = "refined"  # attribute of the study: number of measured kernels behind its predictions


@dataclass(frozen=True, slots=True)
class FrontPoint(Value):
    """A member of a front: its trial, its objective values, and its images per second."""

    trial: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Round(Value):
    """The state of a study at the end of a round; round 0 is that before any measurement.

    Attributes:
        number: Number of the round.
        measured: Names of the trials' kernels that the round measured, in order.
        kernels: Number of kernels that the run has measured so far.
        trials: Number of decided trials.
        widths: By amount, the largest width of an interval on the front, over its value.
        front: The front.
        hypervolume: Of the front, in units of the first generation's range.
        measuring_s: Seconds of measuring.
        searching_s: Seconds of predicting anew and of searching on.
    """

    number: int
    measured: tuple[str, ...]
    kernels: int
    trials: int
    widths: Mapping[str, float]
    front: tuple[FrontPoint, ...]
    hypervolume: float
    measuring_s: float = 0.0
    searching_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refinement(Value):
    """The content of refine.json.

    Attributes:
        subject: Whose kernels were measured.
        setup: The conditions of the measurements.
        model: `model_version` of the estimates.
        designs: The measured kernels, in the order of their measurement.
        rounds: The rounds so far.
        failed: Why a kernel could not be measured, by its name; it is not chosen again.
    """

    subject: Subject
    setup: Setup
    model: str
    designs: Columns | None = None
    rounds: tuple[Round, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> Designs | None:
        """The measured kernels; None if there are none."""
        return self.designs.designs() if self.designs else None

    @property
    def waiting(self) -> list[str]:
        """Names of the measured kernels that no round has used."""
        return list(self.designs.names[self.rounds[-1].kernels :]) if self.designs else []

    def without(self, kernel: str, reason: str) -> Refinement:
        """The refinement in which `kernel` could not be measured."""
        return replace(self, failed={**self.failed, kernel: reason})


def read_refinement(path: Path) -> Refinement | None:
    """Read refine.json; None if there is none. CheckpointError if it is damaged."""
    return read_value(Refinement, path) if path.exists() else None
