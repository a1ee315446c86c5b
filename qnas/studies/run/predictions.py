"""predictions.csv: the class that a pick's integer network gives each image of the report split."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import write_atomically
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
