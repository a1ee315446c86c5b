"""BatchSource: the batches of a training, from arrays in memory or files on disk.

One step trains on `batch_size` images, which are divided into *parts*. Gradient accumulation
processes several parts one after the other; several processes each process some of the parts. The
images of a part depend only on (seed, epoch, step, part). Two processes therefore see the same
parts as one process with an accumulation of two, and a resumed training sees the same parts as an
uninterrupted one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qnas.errors import ConfigError, problem

# images (b, C, H, W) float32, normalised; targets: labels (b,) int64, or after mixing
# probabilities (b, classes) float32.
Batch = tuple[Tensor, Tensor]
# Changes a batch (augmentation, mixup, cutmix); all random numbers come from the generator.
BatchTransform = Callable[[Tensor, Tensor, torch.Generator], Batch]


@dataclass(frozen=True, slots=True)
class Draw:
    """One part of one step's batch: indices (b,) int64 of its images, and the seed of its random
    augmentation (`torch.Generator().manual_seed(draw.seed)`)."""

    indices: Tensor
    seed: int

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The batches to make of an epoch: the parts `mine` of each step, from step `first_step` on.

    `batch_size` is the number of images of a whole step, over all `parts`.
    """

    seed: int
    epoch: int
    batch_size: int
    parts: int = 1
    mine: range = range(1)
    first_step: int = 0

    def draws(self, images: int) -> Iterator[Draw]:
        """The draws of this plan from a set of `images` images: step by step, and within a step in
        the order of `mine`."""
        order = torch.randperm(images, generator=seeded_generator(self.seed, self.epoch))
        for step in range(self.first_step, steps_per_epoch(images, self.batch_size)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            for part in self.mine:
                seed = _mixed(self.seed, self.epoch, step, part)
                yield Draw(chosen.tensor_split(self.parts)[part], seed)


class BatchSource(Protocol):
    """Images to train on. Any class with these members can be a source.

    A source of files typically passes `plan.draws(len(self))` to a DataLoader as its batch sampler,
    and seeds each image's augmentation with the draw's seed and the image's position in the draw.
    Equal plans must give equal batches.
    """

    @property
    def num_classes(self) -> int: ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        ...

    @property
    def digest(self) -> str:
        """A digest of images, labels and augmentation: a training refuses a checkpoint with another
        digest."""
        ...

    def __len__(self) -> int:
        """Number of images."""
        ...

    def calibration(self, count: int) -> Tensor:
        """About `count` images (b, C, H, W), the same at each call and without augmentation, from
        which step sizes and row rankings are computed."""
        ...

    def batches(self, plan: BatchPlan) -> Iterator[Batch]:
        """Yield a Batch for each of `plan.draws(len(self))`, in that order, on the CPU."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A source of images (n, C, H, W) float32 and labels (n,) int64 in memory.

    The digest contains `transform_name` in place of the transform.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    num_classes: int
    transform: BatchTransform | None = None
    transform_name: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def digest(self) -> str:
        state = hashlib.sha256(self.transform_name.encode())
        for array in (self.images, self.labels):
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def __len__(self) -> int:
        return len(self.images)

    def calibration(self, count: int) -> Tensor:
        return torch.from_numpy(self.images[:count])

    def batches(self, plan: BatchPlan) -> Iterator[Batch]:
        images, labels = torch.from_numpy(self.images), torch.from_numpy(self.labels)
        for draw in plan.draws(len(self)):
            batch = images[draw.indices], labels[draw.indices]
            yield self.transform(*batch, draw.generator()) if self.transform else batch


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Number of full batches in an epoch; fewer images than a batch make one small batch."""
    return max(1, images // batch_size)


def check_source(
    source: BatchSource, *, classes: int, shape: tuple[int, int, int], parts: int, batch_size: int
) -> None:
    """Raise ConfigError unless the images fit the space and each part of a step gets an image."""
    smallest, enough = min(len(source), batch_size), f"must be at least {parts}, one a part"
    for subject, rule, value, good in (
        ("number of classes", f"must be {classes}", source.num_classes, {classes}),
        ("images", f"must be {shape}", source.image_shape, {shape}),
        ("train.batch_size", enough, smallest, range(parts, smallest + 1)),
    ):
        if value not in good:
            raise ConfigError(problem(subject, rule, value, "Correct the data or the recipe."))


def seeded_generator(*seeds: int) -> torch.Generator:
    """A generator seeded by several numbers; similar numbers give unrelated streams."""
    return torch.Generator().manual_seed(_mixed(*seeds))


def _mixed(*seeds: int) -> int:
    """Combine several seeds into one; similar seeds give unrelated streams."""
    return int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]) >> 1
