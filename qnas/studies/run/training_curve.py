"""The curve of a training: the loss of every epoch, and accuracies of a few subnets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value, decode
from qnas.errors import ConfigError
from qnas.studies.run.run_directory import RunDirectory


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
