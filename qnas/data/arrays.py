"""NumPy files: `images` and `labels`, and optionally `test_images` and `test_labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.data.image_set import ImageSet
from qnas.data.labels import check_classes
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem
from qnas.numerics import act_max

KEYS = ("images", "labels", "test_images", "test_labels")
Arrays = dict[str, NDArray[Any]]


def load_numpy(path: Path, *, pixels: PixelConfig) -> ImageSet:
    """The images of an .npz file, those of `test_images` last and held out.

    Bytes (n, H, W) or (n, H, W, C) are normalised as `pixels` says; floating-point images
    (n, C, H, W) are taken as they are. Raises ConfigError for a file that cannot be read (objects
    are never unpickled), and for arrays of other shapes, types or lengths.
    """
    arrays = _read(path)
    images, labels = _pair(arrays, "", path)
    held_out = 0
    if "test_images" in arrays or "test_labels" in arrays:
        test, test_labels = _pair(arrays, "test_", path)
        if test.shape[1:] != images.shape[1:] or test.dtype != images.dtype:
            rule = f"must be like images, {images.dtype} {images.shape[1:]}"
            value = f"{test.dtype} {test.shape[1:]}"
            raise ConfigError(problem(f"{path}: test_images", rule, value, _CORRECT))
        held_out = len(test)
    classes = check_classes(labels, test_labels if held_out else labels[:0], subject=str(path))
    if held_out:
        images, labels = np.concatenate([images, test]), np.concatenate([labels, test_labels])
    step = 0.0
    if images.dtype == np.uint8:
        images, step = pixels.normalise(images), pixels.input_step(images.shape[1])
    return ImageSet(
        name=f"numpy:{path}",
        images=np.ascontiguousarray(images, np.float32),
        labels=labels.astype(np.int64),
        num_classes=classes,
        input_step=step or max(float(np.abs(images).max()), 1e-6) / act_max(6),
        held_out=held_out,
    )


_CORRECT = "Write it again with numpy.savez."


def _read(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                raise ValueError("one array alone")
            return {key: found[key] for key in KEYS if key in found}
    except Exception as error:  # zipfile, zlib, numpy and its parser of headers: a dozen kinds
        rule = "must be an .npz file of plain arrays"
        reason = str(error) or type(error).__name__
        raise ConfigError(problem(str(path), rule, reason, _CORRECT)) from None


def _pair(arrays: Arrays, prefix: str, path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    for name in (f"{prefix}images", f"{prefix}labels"):
        if name not in arrays:
            value = ", ".join(arrays) or "none of its names"
            raise ConfigError(problem(str(path), f"must hold `{name}`", value, _CORRECT))
    images, labels = arrays[f"{prefix}images"], arrays[f"{prefix}labels"]
    grey, colour = images.ndim == 3, images.ndim == 4 and images.shape[-1] in (1, 3)
    plain = images.dtype == np.uint8 and (grey or colour)
    real = images.dtype in (np.float32, np.float64) and images.ndim == 4
    for name, rule, value, holds in (
        (
            "images",
            "must be bytes (n, H, W) or (n, H, W, 1 or 3), or floating point (n, C, H, W)",
            f"{images.dtype} {images.shape}",
            bool(images.size) and (plain or real),
        ),
        (
            "labels",
            f"must be integers, one an image ({len(images)})",
            f"{labels.dtype} {labels.shape}",
            labels.dtype.kind in "iu" and labels.shape == images.shape[:1],
        ),
    ):
        if not holds:
            raise ConfigError(problem(f"{path}: {prefix}{name}", rule, value, _CORRECT))
    if real:
        return images, labels.astype(np.int64)
    return (images[:, None] if grey else images.transpose(0, 3, 1, 2)), labels.astype(np.int64)
