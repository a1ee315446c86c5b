"""Accuracy of a pick on the whole report split: fake-quantized, and of its integer network."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas.data.image_set import Images
from qnas.integer.network import IntegerNetwork
from qnas.objectives.metrics import class_accuracies, in_top, macro_f1
from qnas.studies.progress import Progress, duration
from qnas.studies.run.predictions import Predictions
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import supernet_of

BATCH_VALUES, LARGEST_BATCH = 2_400_000, 256  # values of the images of a batch; images
LONG_S = 30.0  # a count of images that takes longer shows its progress


@dataclass(frozen=True, slots=True)
class ReportAccuracy:
    """Top-1 accuracies on all images of the report split, as fractions: of the subnet without
    quantization, of the fake-quantized subnet, and of its integer network, whose `predictions`
    hold the class of every image and whose `top5` is its top-5 accuracy."""

    floating: float
    fake_quant: float
    integer: float
    top5: float
    predictions: Predictions

    @property
    def images(self) -> int:
        return len(self.predictions.labels)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes, of the integer network."""
        return macro_f1(self.predictions.labels, self.predictions.predicted)

    @property
    def classes(self) -> tuple[float | None, ...]:
        """Accuracy of each class, of the integer network; None for a class without images."""
        found = class_accuracies(self.predictions.labels, self.predictions.predicted)
        return tuple(None if np.isnan(share) else float(share) for share in found)


def report_accuracy(run: Run, network: IntegerNetwork, progress: Progress) -> ReportAccuracy:
    """Measure the accuracies on every image of the report split; the simulation may use fewer.

    If a network takes long, `progress` shows its images.
    """
    from qnas.objectives.accuracy import AccuracyEvaluator

    images, labels = run.subset("report")
    architecture = network.architecture
    evaluator = AccuracyEvaluator(supernet_of(run, architecture), images, labels)
    floating = evaluator.float_top1(architecture, seen=_shown("floating point", progress))
    (fake_quant,) = evaluator.top1([architecture], seen=_shown("fake-quantized", progress))
    predicted, top5 = _integer_classes(network, evaluator.images, labels, progress)
    return ReportAccuracy(
        floating,
        fake_quant,
        float((predicted == labels).mean()),
        float(top5.mean()),
        Predictions(run.splits.report, labels, predicted),
    )


def _integer_classes(
    network: IntegerNetwork, images: Images, labels: NDArray[np.int64], progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(n,) each: the class of each image, and whether the right one is among the top 5."""
    batch = min(LARGEST_BATCH, max(1, BATCH_VALUES // math.prod(images.shape[1:])))
    classes, top5 = [], []
    total, seen = len(images), _shown("integer reference", progress)
    for first in range(0, total, batch):
        logits = network.logits(network.quantize_images(images[first : first + batch]))
        classes.append(logits.argmax(axis=1))
        top5.append(in_top(logits, labels[first : first + batch]))
        seen(min(first + batch, total), total)
    return np.concatenate(classes), np.concatenate(top5)


def _shown(network: str, progress: Progress) -> Callable[[int, int], None]:
    """A listener to the images that are done, which tells `progress` of them if all take long."""
    begun = time.monotonic()

    def seen(done: int, total: int) -> None:
        seconds = time.monotonic() - begun
        if seconds / done * total > LONG_S:
            left = duration(seconds / done * (total - done))
            progress.advance(done, total, f"report images, {network}  {left} left")

    return seen
