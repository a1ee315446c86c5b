"""DataHeader: facts about a data set that are known without reading its images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataHeader:
    """Facts about a data set.

    Attributes:
        name: Name of the data set.
        shape: (n, C, H, W) of all images.
        class_counts: Images of each class that are not held out.
        held_out: Number of images, at the end, for the report.
        validation: Number of images, before those, for the search.
        remarks: Sentences for the user.
    """

    name: str
    shape: tuple[int, ...]
    class_counts: tuple[int, ...]
    held_out: int = 0
    validation: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_counts)
