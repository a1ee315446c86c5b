"""What trainings leave: the curve of the supernet's, with the loss of every epoch and accuracies of
a few subnets; and tuning.json, the outcome of fine-tuning a subnet, which decides the weights of
its picks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas._util.serialization import Value, decode, read_value
from qnas.architecture import Architecture
from qnas.errors import ConfigError
from qnas.studies.run.run import Run
from qnas.studies.run.run_directory import RunDirectory
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


@dataclass(frozen=True, slots=True)
class AccuracyPoint(Value):
    """Top-1 accuracies, as fractions, of subnets after an epoch.

    Attributes:
        epoch: The number of epochs done.
        phase: "float" (of subnets without quantization) or "quantized" (fake-quantized).
        largest: Of the space's largest subnet.
        smallest: Of its smallest subnet.
        random: Of one random subnet, the same in all epochs.
        images: Number of images of the search split.
    """

    epoch: int
    phase: str
    largest: float
    smallest: float
    random: float
    images: int


@dataclass(frozen=True, slots=True)
class TrainingCurve:
    """The loss by epoch, as (epochs done, loss), and the accuracies by epoch."""

    losses: tuple[tuple[float, float], ...]
    accuracies: tuple[AccuracyPoint, ...]


def training_curve(files: RunDirectory) -> TrainingCurve:
    """Read the curve of a run; what an interrupted training did again counts once, and damaged
    lines not at all."""
    losses = {
        line["step"]: (line["step"] * line["epochs"] / line["steps"], float(line["loss"]))
        for line in _lines(files.training_log)
        if {"step", "steps", "epochs", "loss"} <= line.keys()
    }
    points: dict[int, AccuracyPoint] = {}
    for line in _lines(files.training_accuracy):
        try:
            point = decode(AccuracyPoint, line, subject="line")
        except ConfigError:
            continue
        points[point.epoch] = point
    return TrainingCurve(
        tuple(losses[step] for step in sorted(losses)),
        tuple(points[epoch] for epoch in sorted(points)),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
