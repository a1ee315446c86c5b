"""tuning.json: the outcome of fine-tuning a subnet, which decides the weights of its picks."""

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
    """Top-1 accuracy on one split, as fractions, with inherited and with tuned weights."""

    inherited: float
    tuned: float


@dataclass(frozen=True, slots=True)
class Tuning(Value):
    """Digests of the supernet and the recipe of a fine-tuning, and the subnet's accuracies.

    The search split decides which weights are used; the report split is only reported.
    """

    supernet: str
    recipe: str
    search: BeforeAfter
    report: BeforeAfter

    @property
    def better(self) -> bool:
        """Whether picks use the tuned weights; on a tie they keep the inherited ones."""
        return self.search.tuned > self.search.inherited


def tuning_of(run: Run, architecture: Architecture) -> Tuning | None:
    """The record of a subnet's fine-tuning from the current supernet; None without one.

    Raises CheckpointError if the record is damaged.
    """
    record = run.files.tuned(architecture.key).record
    if not record.exists():
        return None
    found = read_value(Tuning, record)
    return found if found.supernet == run.supernet_digest() else None


def uses_tuned(run: Run, architecture: Architecture) -> bool:
    """Whether picks of a subnet use fine-tuned weights."""
    tuning = tuning_of(run, architecture)
    return tuning is not None and tuning.better


def supernet_of(run: Run, architecture: Architecture) -> Supernet:
    """The supernet with a subnet's weights: the tuned one if tuning made the subnet better."""
    from qnas.supernet.storage import load_supernet

    if not uses_tuned(run, architecture):
        return run.supernet
    return load_supernet(run.files.tuned(architecture.key).path)


def search_accuracy(run: Run, trial: TrialRecord) -> float | None:
    """Top-1 accuracy on the search split, as a fraction, of the weights that a pick of `trial`
    uses; None if the study has no such objective."""
    tuning = tuning_of(run, trial.architecture)
    if tuning is not None and tuning.better:
        return tuning.search.tuned
    return trial.accuracy
