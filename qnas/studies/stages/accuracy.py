"""Accuracy of a pick on the whole report split: fake-quantized, and of its integer network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas.data.image_set import Images
from qnas.integer.network import IntegerNetwork
from qnas.studies.run.run import Run
from qnas.studies.run.tuning_record import supernet_of

BATCH_VALUES, LARGEST_BATCH = 2_400_000, 256  # values of the images of a batch; images


@dataclass(frozen=True, slots=True)
class ReportAccuracy:
    """Top-1 accuracies on all `images` of the report split, as fractions: of the fake-quantized
    subnet, and of its integer network."""

    fake_quant: float
    integer: float
    images: int


def report_accuracy(run: Run, network: IntegerNetwork) -> ReportAccuracy:
    """Measure both accuracies on every image of the report split; the simulation may use fewer."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    images, labels = run.subset("report")
    architecture = network.architecture
    evaluator = AccuracyEvaluator(supernet_of(run, architecture), images, labels)
    (fake_quant,) = evaluator.top1([architecture])
    integer = _integer_top1(network, images, labels)
    return ReportAccuracy(fake_quant, integer, len(labels))


def _integer_top1(network: IntegerNetwork, images: Images, labels: NDArray[np.int64]) -> float:
    batch = min(LARGEST_BATCH, max(1, BATCH_VALUES // math.prod(images.shape[1:])))
    right = sum(
        int((network.predict(images[i : i + batch]) == labels[i : i + batch]).sum())
        for i in range(0, len(labels), batch)
    )
    return right / len(labels)
