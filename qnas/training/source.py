"""BatchSource: the batches of a training, from arrays in memory or files on disk.

One step trains on `batch_size` images. They are cut into *parts*: gradient accumulation walks
through several parts one after the other, several processes take some parts each. What a part
holds follows from (seed, epoch, step, part) alone, never from who asks, so that two processes see
what one process with an accumulation of two sees, and a resumed run what the killed one would have.
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

# images (b, C, H, W) float32, normalised; targets either labels (b,) int64 or probabilities
# (b, classes) float32, as mixing leaves them.
Batch = tuple[Tensor, Tensor]
# Changes a batch, with all its randomness from the generator: augmentation, mixup, cutmix.
BatchTransform = Callable[[Tensor, Tensor, torch.Generator], Batch]


@dataclass(frozen=True, slots=True)
class Draw:
    """One part of one step's batch: indices (b,) int64 of its images, and a seed of its own for
    whatever is random about it (`torch.Generator().manual_seed(draw.seed)`)."""

    indices: Tensor
    seed: int

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """Which batches an epoch gives: from step `first_step` on, of each step the parts `mine`.

    `batch_size` counts the images of a whole step, over all `parts`.
    """

    seed: int
    epoch: int
    batch_size: int
    parts: int = 1
    mine: range = range(1)
    first_step: int = 0

    def draws(self, images: int) -> Iterator[Draw]:
        """The parts of this plan in order, of a set of `images` images: step by step, and of a
        step first to last of `mine`."""
        order = torch.randperm(images, generator=_generator(self.seed, self.epoch))
        for step in range(self.first_step, steps_per_epoch(images, self.batch_size)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            for part in self.mine:
                seed = _mixed(self.seed, self.epoch, step, part)
                yield Draw(chosen.tensor_split(self.parts)[part], seed)


class BatchSource(Protocol):
    """Images to train on. Any class with these members can serve as a source.

    A source of files typically hands `plan.draws(len(self))` to the workers of a DataLoader, as
    its batch sampler, and seeds each image's augmentation with the draw's seed and the image's
    place in it. It must give equal batches for equal plans.
    """

    @property
    def num_classes(self) -> int: ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        ...

    @property
    def digest(self) -> str:
        """Names the images, the labels and what is done to them: a checkpoint of a training on
        other ones is refused."""
        ...

    def __len__(self) -> int:
        """Number of images."""
        ...

    def calibration(self, count: int) -> Tensor:
        """About `count` images (b, C, H, W), without augmentation, always the same ones: step
        sizes and row ranking are made from them."""
        ...

    def batches(self, plan: BatchPlan) -> Iterator[Batch]:
        """Yield a Batch for each of `plan.draws(len(self))`, in that order, on the CPU."""
        ...


@dataclass(frozen=True, eq=False)
class ArraySource:
    """Images (n, C, H, W) float32 and labels (n,) int64 in memory.

    `transform_name` stands for the transform in the digest.
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
    """Full batches in an epoch (at least one: fewer images than a batch make one small batch)."""
    return max(1, images // batch_size)


def check_source(
    source: BatchSource, *, classes: int, shape: tuple[int, int, int], parts: int, batch_size: int
) -> None:
    """ConfigError unless the images fit the space and a step's batch has an image for each part."""
    smallest, enough = min(len(source), batch_size), f"must be at least {parts}, one a part"
    for subject, rule, value, good in (
        ("number of classes", f"must be {classes}", source.num_classes, {classes}),
        ("images", f"must be {shape}", source.image_shape, {shape}),
        ("train.batch_size", enough, smallest, range(parts, smallest + 1)),
    ):
        if value not in good:
            raise ConfigError(problem(subject, rule, value, "Correct the data or the recipe."))


def _generator(*seeds: int) -> torch.Generator:
    return torch.Generator().manual_seed(_mixed(*seeds))


def _mixed(*seeds: int) -> int:
    """One seed of several: near ones give unrelated streams."""
    return int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0]) >> 1
