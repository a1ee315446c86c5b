"""FileSource: batches of images on disk, decoded and augmented by worker processes, as in timm.

The random augmentation of an image depends only on its draw's seed and its position in the draw, so
that the number of workers does not change the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from qnas._util.timm_support import import_timm
from qnas.data.files import ImageFiles
from qnas.data.splits import spread
from qnas.errors import ConfigError, problem
from qnas.training.augmentation import seeded
from qnas.training.recipe import Recipe
from qnas.training.source import Batch, BatchPlan, BatchTransform

SeededIndex = tuple[int, int]  # an image's index, and the seed of its augmentation


@dataclass(frozen=True, eq=False)
class FileSource:
    """Training images in files, with labels (n,) int64.

    Each image is cropped at random (to a share of its area of at least `recipe.min_crop`), resized,
    flipped, augmented by the policy `recipe.auto_augment` and partly erased; `transform` changes
    whole batches.
    """

    files: ImageFiles
    labels: NDArray[np.int64]
    num_classes: int
    recipe: Recipe
    transform: BatchTransform | None = None

    def __post_init__(self) -> None:
        self.recipe.check_channels(self.files.channels)
        self._augmentation()  # finds a misspelt policy before a worker starts

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.files.shape[1:]

    @property
    def digest(self) -> str:
        state = hashlib.sha256(f"{self.files.digest} {self.transform!r}".encode())
        state.update(self.labels.astype("<i8").tobytes())
        return state.hexdigest()

    def __len__(self) -> int:
        return len(self.files)

    def calibration(self, count: int) -> Tensor:
        places = spread(len(self), count)
        return torch.from_numpy(self.files[places])

    def batches(self, plan: BatchPlan) -> Iterator[Batch]:
        """Yield the batches of `plan`; ConfigError names the first file that is no readable
        image."""
        draws = [draw for draw in plan.draws(len(self))]
        places = [_places(draw.indices, draw.seed) for draw in draws]
        loader: DataLoader[Any] = DataLoader(
            _Files(self.files, self.labels, self._augmentation()),
            batch_sampler=places,
            num_workers=self.recipe.workers,
            generator=torch.Generator(),  # the default is torch's global generator
        )
        for draw, (images, labels) in zip(draws, loader, strict=True):
            batch = images, labels
            yield self.transform(*batch, draw.generator()) if self.transform else batch

    def _augmentation(self) -> Callable[[Any], Tensor]:
        recipe, pixels = self.recipe, self.files.pixels
        mean, std = pixels.statistics(self.files.channels)
        make = partial(import_timm("timm.data").create_transform, self.files.shape[1:])
        try:
            found: Callable[[Any], Tensor] = make(
                is_training=True,
                scale=(recipe.min_crop, 1.0),
                hflip=0.5 if recipe.flip else 0.0,
                color_jitter=None,
                auto_augment=recipe.auto_augment or None,
                interpolation=pixels.interpolation,
                mean=tuple(mean.flatten().tolist()),
                std=tuple(std.flatten().tolist()),
                re_prob=recipe.erasing,
                re_mode="pixel",
            )
        except (AssertionError, ValueError, KeyError) as error:
            rule = "must be a policy of timm's"
            remedy = 'DeiT has "rand-m9-mstd0.5-inc1".'
            value = f"{recipe.auto_augment!r} ({error})"
            raise ConfigError(problem("train.auto_augment", rule, value, remedy)) from None
        return found


@dataclass(frozen=True, eq=False)
class _Files(Dataset[tuple[Tensor, int]]):
    files: ImageFiles
    labels: NDArray[np.int64]
    augmentation: Callable[[Any], Tensor]

    def __getitem__(self, place: SeededIndex) -> tuple[Tensor, int]:
        index, seed = place
        image = self.files.open(index)
        with seeded(seed):
            return self.augmentation(image), int(self.labels[index])


def _places(indices: Tensor, seed: int) -> list[SeededIndex]:
    seeds = np.random.SeedSequence(seed).generate_state(len(indices), np.uint64) >> np.uint64(1)
    return list(zip(indices.tolist(), seeds.tolist(), strict=True))
