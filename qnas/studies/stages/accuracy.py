"""Accuracy of a pick on the whole report split: fake-quantized, and of its integer network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas.data.image_set import Images
from qnas.integer.network import IntegerNetwork
from qnas.studies.run.predictions import Predictions
from qnas.studies.run.run import Run
from qnas.studies.run.tuning_record import supernet_of

BATCH_VALUES, LARGEST_BATCH = 2_400_000, 256  # values of the images of a batch; images


@dataclass(frozen=True, slots=True)
class ReportAccuracy:
    """Top-1 accuracies on all images of the report split, as fractions: of the subnet without
    quantization, of the fake-quantized subnet, and of its integer network, whose `predictions`
    hold the class of every image."""

    floating: float
    fake_quant: float
    integer: float
    predictions: Predictions

    @property
    def images(self) -> int:
        return len(self.predictions.labels)


def report_accuracy(run: Run, network: IntegerNetwork) -> ReportAccuracy:
    """Measure the accuracies on every image of the report split; the simulation may use fewer."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    images, labels = run.subset("report")
    architecture = network.architecture
    evaluator = AccuracyEvaluator(supernet_of(run, architecture), images, labels)
    (fake_quant,) = evaluator.top1([architecture])
    predicted = _integer_classes(network, images)
    return ReportAccuracy(
        evaluator.float_top1(architecture),
        fake_quant,
        float((predicted == labels).mean()),
        Predictions(run.splits.report, labels, predicted),
    )


def _integer_classes(network: IntegerNetwork, images: Images) -> NDArray[np.int64]:
    """(n,): the class of each image."""
    batch = min(LARGEST_BATCH, max(1, BATCH_VALUES // math.prod(images.shape[1:])))
    parts = [network.predict(images[i : i + batch]) for i in range(0, len(images), batch)]
    return np.concatenate(parts)
