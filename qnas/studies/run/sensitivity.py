"""sensitivity.json: the accuracy that a network loses when one of its matrices goes to 4 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import Value, read_value
from qnas.errors import CheckpointError

Z_95 = 1.959964  # of the normal distribution, two-sided 95 %


@dataclass(frozen=True, slots=True)
class MatrixSensitivity(Value):
    """The effect of 4 bits in all rows of one matrix.

    Attributes:
        block: Index of the block.
        kind: The matrix: "qkv" (its three together), "proj", "fc1" or "fc2".
        lost: Number of images that only the network with 8-bit rows classifies correctly.
        gained: Number of images that only the one with the 4-bit matrix classifies correctly.
    """

    block: int
    kind: str
    lost: int
    gained: int

    def loss(self, images: int) -> tuple[float, float]:
        """The loss of accuracy, and the half width of its 95 % interval, as fractions.

        Both networks see the same images, so that the images on which they differ decide. The
        interval adds half an image to each of the four cells of the table (Agresti and Min 2005,
        "Simple improved confidence intervals for comparing matched proportions"): it has a width
        even where the networks agree on every image.
        """
        change, count = self.lost - self.gained, images + 2
        variance = self.lost + self.gained + 1 - change**2 / count
        return change / images, Z_95 * math.sqrt(variance) / count


@dataclass(frozen=True, slots=True)
class Sensitivity(Value):
    """The sensitivities of a network, all of whose blocks' rows have 8 bits but for one matrix.

    Attributes:
        content: Digest of weights, network and images.
        pick: The pick with the network's sizes.
        images: Number of images of the search split.
        accuracy: Top-1 accuracy on them with 8-bit rows everywhere, as a fraction.
        blocks: Number of blocks.
        matrices: The matrices measured so far.
    """

    content: str
    pick: str
    images: int
    accuracy: float
    blocks: int
    matrices: tuple[MatrixSensitivity, ...]


def read_sensitivity(path: Path) -> Sensitivity | None:
    """Read the file at `path`; None if it is absent or damaged, since the report makes it anew."""
    try:
        return read_value(Sensitivity, path) if path.exists() else None
    except CheckpointError:
        return None
