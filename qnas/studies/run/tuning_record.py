"""tuning.json: what training a subnet alone gave, and the weights that its picks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qnas._util.serialization import Value, read_value
from qnas.architecture import Architecture
from qnas.studies.run.run import Run
from qnas.studies.search.trials import TrialRecord

if TYPE_CHECKING:
    from qnas.supernet.model import Supernet


@dataclass(frozen=True, slots=True)
class BeforeAfter(Value):
    """Top-1 on one split, as fractions, with inherited and with tuned weights."""

    inherited: float
    tuned: float


@dataclass(frozen=True, slots=True)
class Tuning(Value):
    """Digests of the supernet and the recipe that a subnet was tuned with, and its accuracies.

    The search split decides; the report split is only quoted.
    """

    supernet: str
    recipe: str
    search: BeforeAfter
    report: BeforeAfter

    @property
    def better(self) -> bool:
        """Whether picks are made of the tuned weights. A tie changes nothing."""
        return self.search.tuned > self.search.inherited


def tuning_of(run: Run, architecture: Architecture) -> Tuning | None:
    """What is known of a subnet's tuning from the supernet of today; None if nothing is.

    Raises CheckpointError if its record is damaged.
    """
    record = run.files.tuned(architecture.key).record
    if not record.exists():
        return None
    found = read_value(Tuning, record)
    return found if found.supernet == run.supernet_digest() else None


def supernet_of(run: Run, architecture: Architecture) -> Supernet:
    """The supernet that a subnet's weights come from: its own if tuning made it better."""
    from qnas.supernet.storage import load_supernet

    tuning = tuning_of(run, architecture)
    if tuning is None or not tuning.better:
        return run.supernet
    return load_supernet(run.files.tuned(architecture.key).path)


def search_accuracy(run: Run, trial: TrialRecord) -> float | None:
    """Top-1 on the search split, as a fraction, of the weights that a pick of `trial` is made of;
    None if the study has no such objective."""
    tuning = tuning_of(run, trial.architecture)
    if tuning is not None and tuning.better:
        return tuning.search.tuned
    return trial.accuracy
