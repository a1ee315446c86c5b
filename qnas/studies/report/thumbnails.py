"""Wrongly classified images, small enough to be embedded in a page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value, read_value
from qnas.data.image_set import Images
from qnas.data.splits import spread
from qnas.studies.run.predictions import Predictions

MOST_IMAGES = 24
EDGE = 64  # pixels of a larger image's longer side


@dataclass(frozen=True, slots=True)
class WrongImage(Value):
    """An image with its class, the class that a network gives it, and its pixels as a data URI."""

    image: int
    label: int
    predicted: int
    source: str


@dataclass(frozen=True, slots=True)
class WrongImages(Value):
    """Some of the images that a network classifies wrongly, and the names of all classes."""

    class_names: tuple[str, ...]
    images: tuple[WrongImage, ...]


def wrong_images(
    images: Images, predictions: Predictions, *, names: tuple[str, ...], most: int = MOST_IMAGES
) -> WrongImages:
    """At most `most` of the wrongly classified among `images`, spread evenly over them.

    Args:
        images: (n, C, H, W), normalised, in the order of the predictions.
        predictions: The classes of these images.
        names: Names of the classes.
        most: The largest number of images.
    """
    wrong = predictions.wrong
    places = spread(len(wrong), most)
    found = (
        WrongImage(
            int(predictions.images[place]),
            int(predictions.labels[place]),
            int(predictions.predicted[place]),
            data_uri(images[place : place + 1][0]),
        )
        for place in wrong[places].tolist()
    )
    return WrongImages(names, tuple(found))


def read_wrong_images(path: Path) -> WrongImages:
    """Read the file of a verification; nothing if an earlier version verified.

    Raises CheckpointError if the file is damaged.
    """
    return read_value(WrongImages, path) if path.exists() else WrongImages((), ())


def data_uri(image: NDArray[np.float32]) -> str:
    """A normalised image (C, H, W) as a PNG in a data URI: its lowest value black, its highest
    white, at most EDGE pixels wide and high."""
    from PIL import Image

    low, high = float(image.min()), float(image.max())
    levels = np.rint(255 * (image - low) / (high - low or 1.0)).astype(np.uint8)
    colored = len(levels) == 3
    shown = Image.fromarray(levels.transpose(1, 2, 0) if colored else levels[0])
    shown.thumbnail((EDGE, EDGE))
    stream = io.BytesIO()
    shown.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
