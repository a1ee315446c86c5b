"""Augmentation of image batches: affine maps, crops and mirroring, Mixup and CutMix; reproducible
from a generator."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.errors import ConfigError, problem
from qnas.training.recipe import Recipe
from qnas.training.source import Batch, BatchTransform

MAX_ROTATION = math.radians(10)
MAX_SCALING = 0.1


def augment(images: Tensor, *, shift_pixels: float, generator: torch.Generator) -> Tensor:
    """Move each image by an affine map of its own.

    Args:
        images: (B, C, H, W). Pixels that move in from outside repeat the border.
        shift_pixels: The largest shift; 0 returns `images` as they are. Rotations reach 10 degrees,
            scalings 10 %.
        generator: Where all random numbers come from.

    Returns:
        Images of the same shape.
    """
    if not shift_pixels:
        return images
    batch, size = len(images), images.shape[-1]
    uniform = torch.rand(batch, 4, generator=generator) * 2 - 1
    angle = uniform[:, 0] * MAX_ROTATION
    scale = 1 + uniform[:, 1] * MAX_SCALING
    shift = uniform[:, 2:] * (2 * shift_pixels / size)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


@dataclass(frozen=True, slots=True)
class Affine:
    """`augment` as the transform of a batch source. Its repr is part of the source's digest."""

    shift_pixels: float

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        moved = augment(images, shift_pixels=self.shift_pixels, generator=generator)
        return moved, targets


@dataclass(frozen=True, slots=True)
class CropAndFlip:
    """Random crops of padded images, and mirroring, as the transform of a batch source.

    Each image is moved by up to `crop` pixels in both directions, and with `flip` mirrored with
    probability 1/2. Pixels that move in from outside repeat the border.
    """

    crop: int
    flip: bool

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        count, side = len(images), images.shape[-1]
        if self.crop:
            padded = F.pad(images, [self.crop] * 4, mode="replicate")
            windows = padded.unfold(2, side, 1).unfold(3, side, 1)  # (B, C, 2c+1, 2c+1, H, W)
            moves = torch.randint(2 * self.crop + 1, (2, count), generator=generator)
            images = windows[torch.arange(count), :, moves[0], moves[1]]
        if self.flip:
            mirrored = torch.rand(count, generator=generator) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return images, targets


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of Python, NumPy and torch, which timm's augmentation uses, and
    restore them afterwards."""
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
    """Mixup (arXiv:1710.09412) and CutMix (arXiv:1905.04899) as the transform of a batch source.

    An alpha of 0 turns a method off; with both on, each batch uses one of them. Targets become
    probabilities.
    """

    mixup: float
    cutmix: float
    num_classes: int

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        """Mix pairs of images; ConfigError for an odd number of images."""
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
class InTurn:
    """Several transforms, one after the other."""

    transforms: tuple[BatchTransform, ...]

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        for transform in self.transforms:
            images, targets = transform(images, targets, generator)
        return images, targets


def array_transform(recipe: Recipe, num_classes: int) -> InTurn:
    """The recipe's augmentation of images in memory."""
    found: list[BatchTransform] = []
    if recipe.augment:
        found.append(Affine(recipe.augment))
    if recipe.crop or recipe.flip:
        found.append(CropAndFlip(recipe.crop, recipe.flip))
    if mixing := mixing_of(recipe, num_classes):
        found.append(mixing)
    return InTurn(tuple(found))


def mixing_of(recipe: Recipe, num_classes: int) -> Mixing | None:
    """The recipe's Mixup and CutMix; None if it has neither."""
    if not (recipe.mixup or recipe.cutmix):
        return None
    return Mixing(recipe.mixup, recipe.cutmix, num_classes)
