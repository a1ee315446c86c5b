"""Objective: a value that a study optimises, computed for a generation of candidates at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.data.image_set import Images
from qnas.errors import ConfigError, problem

if TYPE_CHECKING:
    from qnas.supernet.model import Subnet

Direction = Literal["minimize", "maximize"]


class SubnetSource(Protocol):
    """Protocol: gives the subnets of a trained supernet, and the images of the search split."""

    images: Images
    labels: NDArray[np.int64]

    def subnet(self, arch: Architecture, /) -> Subnet: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subnet on its hardware, as one trial proposes it.

    Attributes:
        architecture: The subnet.
        plan: The hardware plan of `architecture`.
        estimate: The cost model's amounts of `plan`.
        predicted: The amounts that objectives read: the estimate after the study's calibration.
        source: The trained weights and the images of the search split; None for a candidate that
            was made without them.
    """

    architecture: Architecture
    plan: HardwarePlan
    estimate: Estimate
    predicted: Prediction
    source: SubnetSource | None = field(default=None, repr=False, compare=False)

    def subnet(self) -> Subnet:
        """Extract the subnet with its trained weights, callable on images (B, C, H, W).

        Raises:
            ConfigError: The candidate was made without trained weights.
        """
        return self._trained().subnet(self.architecture)

    def search_split(self) -> tuple[Images, NDArray[np.int64]]:
        """Return the images (n, C, H, W) and labels (n,) of the search split.

        Slices and index arrays of the images give float32 arrays. The report split is never given
        to an objective.

        Raises:
            ConfigError: The candidate was made without them.
        """
        source = self._trained()
        return source.images, source.labels

    def _trained(self) -> SubnetSource:
        if self.source is None:
            rule, remedy = "must come from a study that searches", "Evaluate it in a run."
            raise ConfigError(problem("candidate", rule, "one without weights", remedy))
        return self.source

    @classmethod
    def modelled(cls, architecture: Architecture, plan: HardwarePlan, estimate: Estimate) -> Self:
        """Make a candidate without a calibration: its prediction equals its estimate."""
        return cls(architecture, plan, estimate, Prediction.of(estimate))


class Objective(Protocol):
    """Computes a value for each candidate. Implementations may cache values by architecture key."""

    @property
    def name(self) -> str:
        """The objective's name in studies and in `front.csv`."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the values, for tables and plots."""
        ...

    @property
    def direction(self) -> Direction:
        """Whether smaller or larger values are better."""
        ...

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        """Compute the values in the order of `candidates`; NaN or an exception fails the trial."""
        ...


@runtime_checkable
class ImageObjective(Objective, Protocol):
    """An objective whose value is the share of misclassified images, in percent.

    It can be evaluated on a part of the images, which racing needs.
    """

    @property
    def images(self) -> int:
        """The number of images."""
        ...

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        """Whether the subnet misclassifies each image of `order`, in that order.

        Evaluation proceeds in growing parts until `limit` errors are counted (None: to the end).
        The result may therefore have fewer flags than `order` has images.
        """
        ...


@dataclass(frozen=True, slots=True)
class FunctionObjective:
    """An objective made from a function of one candidate."""

    name: str
    unit: str
    direction: Direction
    function: Callable[[Candidate], float]

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        return [float(self.function(candidate)) for candidate in candidates]
