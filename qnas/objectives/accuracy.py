"""Accuracy of subnets, for a whole generation in one pass over images in memory; cached by key."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from qnas.architecture import Architecture
from qnas.data.files import DecodedImages, ImageFiles
from qnas.data.image_set import Images
from qnas.objectives.base import Candidate, Direction
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.threads import torch_threads

BATCH = 512
FIRST_PART, GROWTH = 20, 1.5  # racing: 1/20 of the images first; the total then grows by half


class AccuracyEvaluator:
    """Top-1 accuracy of fake-quantized subnets on fixed images (n, C, H, W)."""

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
        self._images = DecodedImages.of(images) if isinstance(images, ImageFiles) else images
        self._labels = torch.from_numpy(labels)
        self._threads = threads
        self._known: dict[str, float] = {}

    def top1(self, architectures: Sequence[Architecture]) -> list[float]:
        """Compute the top-1 accuracy of each architecture, a fraction 0..1, cached by key."""
        with torch_threads(self._threads):
            for arch in architectures:
                if arch.key not in self._known:
                    self._known[arch.key] = self._evaluate(arch)
        return [self._known[arch.key] for arch in architectures]

    def __len__(self) -> int:
        return len(self._images)

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
            subnet = self._supernet.extract(arch)
            while len(found) < len(order) and (limit is None or found.sum() < limit):
                stop = len(order) if limit is None else count
                chosen = order[len(found) : min(stop, len(found) + BATCH)]
                classes = subnet(torch.from_numpy(self._images[chosen])).argmax(dim=1)
                right = (classes == self._labels[torch.from_numpy(chosen)]).numpy()
                found = np.concatenate([found, ~right])
                count = max(count, math.ceil(len(found) * GROWTH))
        return found

    def float_top1(self, arch: Architecture) -> float:
        """Compute the top-1 accuracy of one subnet without quantization, a fraction 0..1."""
        with torch_threads(self._threads):
            return self._evaluate(arch, quantize=False)

    @torch.no_grad()
    def _evaluate(self, arch: Architecture, *, quantize: bool = True) -> float:
        weights = self._supernet.extract(arch).weights
        starts = range(0, len(self._images), BATCH)
        device = weights.position.device
        batches = (torch.from_numpy(self._images[i : i + BATCH]).to(device) for i in starts)
        logits = (forward(weights, batch, quantize=quantize) for batch in batches)
        classes = torch.cat([batch.argmax(dim=1).cpu() for batch in logits])
        return (classes == self._labels).double().mean().item()


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
