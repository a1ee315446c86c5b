"""Mixup and CutMix of batches, as timm makes them: reproducible from a generator."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.errors import ConfigError, problem
from qnas.training.source import Batch, BatchTransform


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run with the global generators of Python, NumPy and torch at `seed`, and restore them: what
    timm's augmentation draws from."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@dataclass(frozen=True, slots=True)
class Mixing:
    """Mixup (arXiv:1710.09412) and CutMix (arXiv:1905.04899) with the given alphas, 0: not; with
    both, one or the other, batch by batch. Targets become probabilities."""

    mixup: float
    cutmix: float
    num_classes: int

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        """ConfigError for an odd number of images: each is mixed with one of the others."""
        if len(images) % 2:
            rule = "must be even in every part, as mixup and cutmix need"
            raise ConfigError(problem("train.batch_size", rule, len(images), "Make it even."))
        mix = import_timm("timm.data").Mixup(
            mixup_alpha=self.mixup,
            cutmix_alpha=self.cutmix,
            label_smoothing=0.0,
            num_classes=self.num_classes,
        )
        seed = int(torch.randint(2**62, (), generator=generator))
        with seeded(seed):
            mixed, soft = mix(images.clone(), targets)
        return mixed, soft


@dataclass(frozen=True, slots=True)
class Both:
    """One transform after the other."""

    first: BatchTransform
    second: BatchTransform

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        return self.second(*self.first(images, targets, generator), generator)
