"""DataHeader: what is known of a data set without reading its images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DataHeader:
    """`shape` is (n, C, H, W) of all images. `class_counts` are the images of each class that are
    not held out; of all, the last `held_out` are the report's, and the `validation` before them
    the search's. `remarks` are sentences for the user."""

    name: str
    shape: tuple[int, ...]
    class_counts: tuple[int, ...]
    held_out: int = 0
    validation: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        return len(self.class_counts)
