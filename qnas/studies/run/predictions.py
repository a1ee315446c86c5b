"""What is measured of a pick: predictions.csv, the class that its integer network gives each image
of the report split, and sensitivity.json, what it loses when one of its matrices goes to 4 bits."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value, read_value, write_atomically
from qnas.errors import CheckpointError, problem

if TYPE_CHECKING:
    from qnas.studies.run.run import Run


COLUMNS = ("image", "label", "predicted")


@dataclass(frozen=True, eq=False)
class Predictions:
    """The classes of some images.

    Attributes:
        images: (n,) the images, as indices into the data set.
        labels: (n,) their classes in the data set.
        predicted: (n,) the classes that the network gives them.
    """

    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.int64]:
        """The places of the wrongly classified images in these arrays."""
        return np.flatnonzero(self.labels != self.predicted)

    def confusion(self) -> NDArray[np.int64]:
        """(classes, classes): the number of images by class, and by predicted class in a row. The
        number of classes is that of the largest one that occurs."""
        classes = int(max(self.labels.max(), self.predicted.max())) + 1
        pairs = self.labels * classes + self.predicted
        return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def write(self, path: Path) -> None:
        """Write a line an image."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(np.stack([self.images, self.labels, self.predicted], axis=1).tolist())
        write_atomically(path, text.getvalue())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file of `write`; CheckpointError for another content."""
        try:
            header, *rows = csv.reader(path.read_text("utf-8").splitlines())
            found = np.array(rows, dtype=np.int64)
            right = tuple(header) == COLUMNS and found.ndim == 2 and bool((found >= 0).all())
        except (OSError, ValueError):
            right = False
        if not right:
            rule, remedy = f"must hold {', '.join(COLUMNS)} of images", "Run `qnas verify` again."
            raise CheckpointError(problem(str(path), rule, "other content", remedy))
        return cls(*found.T)


def predictions_of(run: Run, pick: str) -> Predictions | None:
    """The predictions of a verified pick; None if an earlier version of qnas verified it.

    Raises CheckpointError if the file is damaged.
    """
    path = run.files.pick(pick).predictions
    return Predictions.read(path) if path.exists() else None


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
