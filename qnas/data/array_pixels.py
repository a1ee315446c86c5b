"""Images in arrays: the order of their axes, and the meaning of their numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem
from qnas.numerics import act_max

BYTE = 255
SIXTEEN_BITS = 65535
LEVELS = 2 * act_max(6) + 1
LEAST_LEVELS = 8  # fewest of LEVELS that images must use to be recognisable
SAMPLE = 1 << 20  # values from which quantiles are computed
RARE = 200  # at either end, one value in RARE is ignored as an outlier
FEW = 3  # outliers that are ignored in a small array
MOST_REAL = 16  # normalised floating-point images stay below this value
TINY = 1e-30
Axes = tuple[int, ...]


def channel_axes(shape: tuple[int, ...], *, size: int, channels: int) -> Axes | None:
    """Find how to transpose (n, H, W) or (n, H, W, C) to (n, C, H, W).

    The space's `channels` and `size` decide between channels first and last. If neither matches, 1
    or 3 channels are looked for, and then square images.

    Returns:
        The axes, where -1 is a new axis; None if nothing matches.
    """
    last, first = (0, 3, 1, 2), (0, 1, 2, 3)
    if len(shape) == 3:
        return (0, -1, 1, 2)
    if len(shape) != 4:
        return None
    exact = {last: (size, size, channels), first: (channels, size, size)}
    for axes, wanted in exact.items():
        if shape[1:] == wanted:
            return axes
    for last_is, first_is in (
        (shape[3] in (1, 3), shape[1] in (1, 3)),
        (shape[1] == shape[2], shape[2] == shape[3]),
    ):
        if last_is != first_is:
            return last if last_is else first
    return None


def transposed(images: NDArray[Any], axes: Axes) -> NDArray[Any]:
    """Return `images` as (n, C, H, W)."""
    return images[:, None] if -1 in axes else images.transpose(axes)


def as_images(
    values: NDArray[Any], pixels: PixelConfig, *, subject: str
) -> tuple[NDArray[np.float32], float, PixelConfig | None, tuple[str, ...]]:
    """Convert numbers of any type to images.

    Integers and whole floating-point numbers are pixels, 0..255 or 0..`pixels.white`, which
    `pixels` normalises. Other floating-point numbers are kept, unless `pixels.white` declares them
    pixels.

    Args:
        values: (n, C, H, W) numbers.
        pixels: Conversion of pixels to numbers.
        subject: Name of the data in messages.

    Returns:
        (n, C, H, W) float32 images, the step of the 6-bit input, the conversion that bytes 0..255
        went through (None for numbers that were kept), and remarks on how the numbers were
        interpreted.

    Raises:
        ConfigError: A number is not finite, or a pixel exceeds white.
    """
    if values.dtype.kind == "f":
        _check_finite(values, subject)
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and not pixels.white and not _are_bytes(values, low, high):
        with np.errstate(over="ignore"):
            images = np.ascontiguousarray(values, np.float32)
        _check_finite(images, subject)  # float64 numbers may exceed float32
        reach = max(-low, high, TINY)
        remark = f"{values.dtype} images reach {reach:.4g} and are not normalised: write `white`."
        return images, reach / act_max(6), None, (remark,) * (reach > MOST_REAL)
    white = 1.0 if values.dtype.kind == "b" else pixels.white or _white(values, high)
    if not white or not 0 <= low <= high <= white:
        rule = f"must be pixels in 0..{white or BYTE:g}"
        remedy = "Write the value of white as `white` under `[images]`."
        raise ConfigError(problem(subject, rule, f"{values.dtype} {low:g}..{high:g}", remedy))
    found = values
    if values.dtype != np.uint8 or white != BYTE:
        found = np.rint(values.astype(np.float32) * np.float32(BYTE / white)).astype(np.uint8)
    remarks: tuple[str, ...] = ()
    if values.dtype.kind == "f" or white == SIXTEEN_BITS:
        remarks = (f"{values.dtype} images are read as pixels of 0..{white:g}.",)
    images = np.ascontiguousarray(pixels.normalise(found))
    return images, pixels.input_step(values.shape[1]), replace(pixels, white=0.0), remarks


def _are_bytes(values: NDArray[Any], low: float, high: float) -> bool:
    """Whether floating-point numbers are bytes: whole numbers in 0..255 beyond 0 and 1."""
    return low >= 0 and 1 < high <= BYTE and bool((values == np.rint(values)).all())


def _white(values: NDArray[Any], high: float) -> float:
    """Default white of integers: 255, 65535 if more than half of that range is used, else 0."""
    if high <= BYTE:
        return BYTE
    return SIXTEEN_BITS if SIXTEEN_BITS / 2 < high <= SIXTEEN_BITS else 0.0


def _check_finite(values: NDArray[Any], subject: str) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.unravel_index(int(bad.argmax()), bad.shape)[0]
        rule, remedy = "must be finite", "Correct those values."
        value = f"{int(bad.sum()):,} NaN or infinite values, the first in image {first}"
        raise ConfigError(problem(subject, rule, value, remedy))


def check_levels(images: NDArray[np.float32], step: float, *, subject: str) -> tuple[str, ...]:
    """Check that images use enough levels of the 6-bit input.

    An outlier far from all other values, or an unsuitable step, leaves few levels for the rest.

    Returns:
        Remarks about images that are uniform.

    Raises:
        ConfigError: The images use too few levels.
    """
    lows, highs = images.min(axis=(2, 3)), images.max(axis=(2, 3))
    if (lows.min(axis=0) == highs.max(axis=0)).all():
        rule = "must not be the same in every pixel of every image"
        value = f"{', '.join(f'{low:g}' for low in lows[0, :3])} throughout"
        raise ConfigError(problem(subject, rule, value, "Correct the data."))
    bounds = [_bounds(images[:, channel]) for channel in range(images.shape[1])]
    levels = [_levels(low, high, step) for low, high in bounds]
    if max(levels) < LEAST_LEVELS:
        channel = int(np.argmax(highs.max(axis=0) - lows.min(axis=0)))
        found = _unseen(images[:, channel], bounds[channel], step, levels=levels[channel])
        raise ConfigError(problem(subject, *found))
    uniform = int((lows == highs).all(axis=1).sum())
    if uniform:
        return (f"{uniform:,} of {len(images):,} images are of one value throughout.",)
    return ()


def _bounds(values: NDArray[np.float32]) -> tuple[float, float]:
    """Bounds that contain nearly all values, with the background.

    The median, which most pixels of a drawing equal, is not counted as often as it occurs.
    """
    flat = values.reshape(-1)
    sample = np.sort(flat[:: math.ceil(flat.size / SAMPLE)])
    background = sample[sample.size // 2]
    others = sample[sample != background]
    if not others.size:
        return float(background), float(background)
    few = max(FEW, others.size // RARE) if others.size > 8 * FEW else 0
    low, high = others[few], others[others.size - 1 - few]
    return float(min(low, background)), float(max(high, background))


def _levels(low: float, high: float, step: float) -> int:
    """Number of levels of the 6-bit input from `low` to `high`."""
    limit = act_max(6)
    first, last = np.clip(np.rint(np.array([low, high]) / step), -limit, limit)
    return int(last - first) + 1


def _unseen(
    values: NDArray[np.float32], bounds: tuple[float, float], step: float, *, levels: int
) -> tuple[str, str, str]:
    """Explain why the images use so few levels: (rule, value, remedy)."""
    low, high = bounds
    far = np.abs(values - np.float32((low + high) / 2))
    where = np.unravel_index(int(far.argmax()), far.shape)
    value = float(values[where])
    if abs(value) > LEAST_LEVELS * max(abs(low), abs(high)):
        rule = f"must not reach far beyond {low:.4g}..{high:.4g}, where nearly all values lie"
        return rule, f"{value:.4g} in image {int(where[0])}", "Correct or clip such values."
    rule = f"must use {LEAST_LEVELS} levels or more of the {LEVELS} that the 6-bit input has"
    got = f"{levels}, of values {low:.4g}..{high:.4g} in steps of {step:.4g}"
    remedy = "Write the value of white as `white` under `[images]`, or give an `input_step`."
    return rule, got, remedy
