"""Accuracy of subnets, for a generation at a time, on images in memory; cached by key."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from qnas.architecture import Architecture
from qnas.data.files import DecodedImages, ImageFiles
from qnas.data.image_set import Images
from qnas.objectives.base import Candidate, Direction
from qnas.objectives.metrics import class_accuracies, in_top, macro_f1
from qnas.supernet.forward import forward
from qnas.supernet.model import Subnet, Supernet
from qnas.supernet.threads import torch_threads

BATCH = 512
FIRST_PART, GROWTH = 20, 1.5  # racing: 1/20 of the images first; the total then grows by half
Seen = Callable[[int, int], None]  # images that are done, and all


def _unseen(done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Scores:
    """How well a subnet classifies, as fractions 0..1.

    Attributes:
        top1: Share of images that get their class.
        top5: Share of images whose class is among the five most likely ones.
        macro_f1: Mean F1 of the classes.
        worst_class: Accuracy of the class with the lowest one.
    """

    top1: float
    top5: float
    macro_f1: float
    worst_class: float

    @classmethod
    def of(
        cls, labels: NDArray[np.int64], predicted: NDArray[np.int64], in_top5: NDArray[np.bool_]
    ) -> Self:
        """Compute them from classes, predicted classes and whether the class is in the top 5, each
        (n,)."""
        return cls(
            float((predicted == labels).mean()),
            float(in_top5.mean()),
            macro_f1(labels, predicted),
            float(np.nanmin(class_accuracies(labels, predicted))),
        )


class AccuracyEvaluator:
    """Accuracy of fake-quantized subnets on fixed images (n, C, H, W), of labels (n,)."""

    def __init__(
        self,
        supernet: Supernet,
        images: Images,
        labels: NDArray[np.int64],
        *,
        threads: int = 1,
    ) -> None:
        self._supernet = supernet
        # Images on disk are decoded once and kept as bytes, since every candidate uses all of them.
        self.images: Images = DecodedImages.of(images) if isinstance(images, ImageFiles) else images
        self.labels = labels
        self._threads = threads
        self._known: dict[str, Scores] = {}

    def subnet(self, arch: Architecture) -> Subnet:
        """Extract a subnet with its weights."""
        return self._supernet.extract(arch)

    def top1(self, architectures: Sequence[Architecture], *, seen: Seen = _unseen) -> list[float]:
        """Compute the top-1 accuracy of each architecture, a fraction 0..1, cached by key. `seen`
        is called with the number of images that are done, and that of all."""
        return [found.top1 for found in self.scores(architectures, seen=seen)]

    def scores(
        self, architectures: Sequence[Architecture], *, seen: Seen = _unseen
    ) -> list[Scores]:
        """Compute the scores of each architecture, cached by key; `seen` as of `top1`."""
        with torch_threads(self._threads):
            for arch in architectures:
                if arch.key not in self._known:
                    self._known[arch.key] = self._evaluate(arch, seen)
        return [self._known[arch.key] for arch in architectures]

    def __len__(self) -> int:
        return len(self.images)

    @torch.no_grad()
    def wrong(
        self, arch: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        """Find which images of `order` are misclassified, in that order.

        The images are evaluated in parts: a twentieth of them first, then the total grows by half
        with each part, until `limit` errors are found (None: all images).
        """
        found, count = np.zeros(0, dtype=bool), math.ceil(len(order) / FIRST_PART)
        with torch_threads(self._threads):
            subnet = self.subnet(arch)
            while len(found) < len(order) and (limit is None or found.sum() < limit):
                stop = len(order) if limit is None else count
                chosen = order[len(found) : min(stop, len(found) + BATCH)]
                classes = subnet(torch.from_numpy(self.images[chosen])).argmax(dim=1).numpy()
                found = np.concatenate([found, classes != self.labels[chosen]])
                count = max(count, math.ceil(len(found) * GROWTH))
        return found

    def float_top1(self, arch: Architecture, *, seen: Seen = _unseen) -> float:
        """Compute the top-1 accuracy of one subnet without quantization, a fraction 0..1; `seen` as
        of `top1`."""
        with torch_threads(self._threads):
            return self._evaluate(arch, seen, quantize=False).top1

    @torch.no_grad()
    def _evaluate(self, arch: Architecture, seen: Seen, *, quantize: bool = True) -> Scores:
        weights = self.subnet(arch).weights
        predicted, in_top5 = [], []
        for start in range(0, len(self.images), BATCH):
            batch = torch.from_numpy(self.images[start : start + BATCH])
            logits = forward(weights, batch, quantize=quantize).numpy()
            predicted.append(logits.argmax(axis=1))
            in_top5.append(in_top(logits, self.labels[start : start + BATCH]))
            seen(min(start + BATCH, len(self.images)), len(self.images))
        return Scores.of(self.labels, np.concatenate(predicted), np.concatenate(in_top5))


class ErrorObjective:
    """Top-1 error on the evaluator's images, in percent."""

    name = "error"
    unit = "%"
    direction: Direction = "minimize"

    def __init__(self, evaluator: AccuracyEvaluator) -> None:
        self._evaluator = evaluator

    @property
    def images(self) -> int:
        return len(self._evaluator)

    def errors_on(
        self, architecture: Architecture, order: NDArray[np.int64], limit: int | None
    ) -> NDArray[np.bool_]:
        return self._evaluator.wrong(architecture, order, limit)

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        top1 = self._evaluator.top1([c.architecture for c in candidates])
        return [100.0 * (1.0 - accuracy) for accuracy in top1]


@dataclass(frozen=True, slots=True)
class ScoreObjective:
    """One of the evaluator's `Scores` beside top-1, in percent."""

    evaluator: AccuracyEvaluator
    score: str
    name: str
    direction: Direction
    unit: str = "%"

    def evaluate(self, candidates: Sequence[Candidate]) -> list[float]:
        found = self.evaluator.scores([c.architecture for c in candidates])
        shares = [100.0 * float(getattr(scores, self.score)) for scores in found]
        return [100.0 - s for s in shares] if self.direction == "minimize" else shares
