"""Small random shifts, rotations and scalings of image batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from qnas.training.source import Batch

MAX_ROTATION = math.radians(10)
MAX_SCALING = 0.1


def augment(images: Tensor, *, shift_pixels: float, generator: torch.Generator) -> Tensor:
    """images (B, C, H, W), each under its own affine map; what comes in from outside repeats the
    border. Shifts up to `shift_pixels`, rotations up to 10 degrees, scalings up to 10 %."""
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
    """`augment` as the transform of a batch source; its text names it in the source's digest."""

    shift_pixels: float

    def __call__(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> Batch:
        moved = augment(images, shift_pixels=self.shift_pixels, generator=generator)
        return moved, targets
