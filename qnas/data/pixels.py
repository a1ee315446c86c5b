"""PixelConfig: conversion of a file to bytes 0..255, and of bytes to the network's numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value
from qnas.data.image_reading import normalised
from qnas.errors import ConfigError, problem
from qnas.numerics import act_max

# Mean and standard deviation of ImageNet's channels, as models trained on ImageNet use them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GREY_MEAN = GREY_STD = (0.5,)  # maps 0..1 to -1..1
Interpolation = Literal["bicubic", "bilinear"]


@dataclass(frozen=True, slots=True)
class PixelConfig(Value):
    """Conversion of pixels: a pixel p becomes (p / 255 - mean) / std.

    Attributes:
        mean: One value, or one for each channel; by default ImageNet's for colour images and 0.5
            for grey ones.
        std: The same for the standard deviation.
        crop: Files are resized so that their shorter side is image size / `crop`, then cropped to
            the centre (DeiT: 0.9, many others: 0.875; 1.0 keeps all of a square image).
        interpolation: Filter of the resizing.
        background: Grey level behind transparent pixels.
        white: Value that becomes p = 255, for files of more than 8 bits and for arrays: 4095 for
            12-bit cameras, 1.0 for floating-point images. 0: the format's own white.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    crop: float = 1.0
    interpolation: Interpolation = "bicubic"
    background: int = 255
    white: float = 0.0

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="images.")
        for subject, rule, value, holds in (
            ("mean", "must come with as many of std", self.mean, len(self.mean) == len(self.std)),
            ("std", "must lie in 0.001..1000", self.std, all(1e-3 <= s <= 1e3 for s in self.std)),
            ("mean", "must lie in 0..1", self.mean, all(0 <= m <= 1 for m in self.mean)),
            ("crop", "must lie in 0.1..1", self.crop, 0.1 <= self.crop <= 1),
            ("background", "must lie in 0..255", self.background, 0 <= self.background <= 255),
            ("white", "must be 0 or more, and finite", self.white, 0 <= self.white < math.inf),
        ):
            if not holds:
                raise ConfigError(problem(f"images.{subject}", rule, value, "Correct it."))

    def statistics(self, channels: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and std, each (channels, 1, 1).

        Raises:
            ConfigError: Their number is neither 1 nor `channels`.
        """
        mean, std = self.mean, self.std
        if not mean:
            mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else (GREY_MEAN, GREY_STD)
        if len(mean) not in (1, channels):
            rule = f"must be one, or one a channel ({channels})"
            raise ConfigError(problem("images.mean", rule, mean, "Correct it."))
        shape = (channels, 1, 1)
        found = (np.array(values, np.float32)[:, None, None] for values in (mean, std))
        first, second = (np.broadcast_to(values, shape) for values in found)
        return first, second

    def normalise(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Convert (n, C, H, W) of 0..255 to float32."""
        mean, std = self.statistics(pixels.shape[1])
        return normalised(pixels, mean.ravel().tolist(), std.ravel().tolist())

    def shorter_side(self, size: int) -> int:
        """Return the length to which a file's shorter side is resized before the crop."""
        return round(size / self.crop)

    def input_step(self, channels: int) -> float:
        """Return the smallest step of the 6-bit input that clips no pixel."""
        mean, std = self.statistics(channels)
        return float((np.maximum(mean, 1 - mean) / std).max()) / act_max(6)
