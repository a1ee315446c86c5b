"""Accuracy of a few subnets while the supernet is trained, for the report's curve."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from qnas._util.serialization import encode
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import AccuracyPoint

if TYPE_CHECKING:
    from qnas.supernet.model import Supernet
    from qnas.training.logs import Interval

IMAGES = 512  # at most, spread evenly over the search split
POINTS = 24  # at most, spread evenly over the epochs


class AccuracyMonitor:
    """Adds a line to train_accuracy.jsonl at the end of at most POINTS epochs, the last among them.

    It changes nothing of the training: it draws no random number of the training's, and reads the
    weights as they are, before they are averaged.
    """

    def __init__(self, run: Run) -> None:
        self._path = run.files.training_accuracy
        self._images, self._labels = run.loaded_subset("search", at_most=IMAGES)
        space = run.space
        random = space.sample(Random(run.config.seed))
        self._subnets = [space.largest(), space.smallest(), random]

    def __call__(self, supernet: Supernet, now: Interval) -> None:
        from qnas.objectives.accuracy import AccuracyEvaluator

        per_epoch, every = now.steps // now.epochs, -(-now.epochs // POINTS)
        if now.step % per_epoch or (now.epoch % every and now.epoch < now.epochs):
            return
        evaluator = AccuracyEvaluator(supernet, self._images, self._labels)
        if now.phase == "float":
            largest, smallest, random = (evaluator.float_top1(arch) for arch in self._subnets)
        else:
            largest, smallest, random = evaluator.top1(self._subnets)
        count = len(self._labels)
        point = AccuracyPoint(now.epoch, now.phase, largest, smallest, random, count)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(encode(point)) + "\n")
