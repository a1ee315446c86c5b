"""Preprocessing: from a file to the network's numbers, and from an answer to a name.

An exported project holds it, so that a board classifies files without qnas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value
from qnas.data.image_set import ImageSet
from qnas.data.pixels import PixelConfig

FILE_CHANNELS = (1, 3)  # grey, colour


@dataclass(frozen=True, slots=True)
class Preprocessing(Value):
    """What was done to the images of a data set.

    Attributes:
        class_names: A name for each class.
        pixels: Conversion of a file to the network's numbers; None if the data set's numbers were
            not made from pixels.
    """

    class_names: tuple[str, ...]
    pixels: PixelConfig | None = None

    @classmethod
    def of(cls, images: ImageSet) -> Preprocessing:
        """Take it from a data set."""
        files = images.images.shape[1] in FILE_CHANNELS
        return cls(images.class_names, images.pixels if files else None)

    @classmethod
    def unknown(cls, classes: int) -> Preprocessing:
        """Numbers for names, and no conversion of files."""
        return cls(tuple(map(str, range(classes))))

    def facts(self, *, size: int, channels: int) -> dict[str, Any]:
        """Encode for `preprocessing.json`: `image` is None if files cannot be read."""
        image = None
        if self.pixels is not None:
            mean, std = (values.ravel().tolist() for values in self.pixels.statistics(channels))
            image = {
                "size": size,
                "channels": channels,
                "shorter_side": self.pixels.shorter_side(size),
                "interpolation": self.pixels.interpolation,
                "background": self.pixels.background,
                "white": self.pixels.white,
                "mean": mean,
                "std": std,
            }
        return {"class_names": list(self.class_names), "image": image}

    def levels(self, *, input_step: float, channels: int, act_max: int) -> NDArray[np.int8] | None:
        """Tabulate the network's input for each byte.

        Args:
            input_step: Step of the activations that normalised images are quantized to.
            channels: 1 or 3.
            act_max: Largest magnitude of an activation.

        Returns:
            (channels, 256), as `IntegerNetwork.quantize_images` rounds; None if files cannot be
            read.
        """
        if self.pixels is None:
            return None
        every = np.arange(256, dtype=np.uint8)
        pixels = np.ascontiguousarray(np.broadcast_to(every, (1, channels, 1, 256)))
        steps = np.rint(self.pixels.normalise(pixels).astype(np.float64) / input_step)
        return np.clip(steps, -act_max, act_max).astype(np.int8).reshape(channels, 256)
