"""Wrongly classified images, small enough to be embedded in a page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qnas.errors import QnasError
from qnas.studies.run.predictions import Predictions

if TYPE_CHECKING:
    from qnas.studies.run.run import Run

MOST_IMAGES = 24
EDGE = 64  # pixels of a larger image's longer side


@dataclass(frozen=True, slots=True)
class WrongImage:
    """An image with the names of its class and of the class that a network gives it, and its
    pixels as a data URI."""

    image: int
    label: str
    predicted: str
    source: str


def wrong_images(
    run: Run, predictions: Predictions, *, most: int = MOST_IMAGES
) -> tuple[WrongImage, ...]:
    """At most `most` of the wrongly classified images, spread evenly over them; none if the data
    cannot be read here."""
    wrong = predictions.wrong
    places = np.linspace(0, len(wrong) - 1, min(most, len(wrong))).round().astype(int)
    chosen = wrong[places]
    if not len(chosen):
        return ()
    try:
        images, _ = run.images.subset(predictions.images[chosen])
        pixels, names = images[:], run.images.class_names
    except (QnasError, OSError):
        return ()
    return tuple(
        WrongImage(
            int(predictions.images[place]),
            names[predictions.labels[place]],
            names[predictions.predicted[place]],
            data_uri(image),
        )
        for place, image in zip(chosen, pixels, strict=True)
    )


def class_names(run: Run) -> tuple[str, ...]:
    """The names of the classes; none if the data cannot be read here."""
    try:
        return run.images.class_names
    except (QnasError, OSError):
        return ()


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
