"""Three-way split, made once and recorded. The search never reads the report's images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value
from qnas.data.image_set import DataHeader
from qnas.errors import ConfigError, problem

Indices = NDArray[np.int64]
PLENTY = 3  # images of every class in every split: rounding cannot leave a split without any


def spread(length: int, most: int) -> Indices:
    """At most `most` of the indices 0 ... length - 1, spread evenly, the ends among them."""
    return np.linspace(0, length - 1, min(most, length)).round().astype(np.int64)


@dataclass(frozen=True, slots=True)
class SplitConfig(Value):
    """Shares of the images for the search and the report; training gets the rest.

    If the data set has images reserved for the report, the report uses exactly those, and
    `search_fraction` applies to the others. If it also has images reserved for the search, neither
    fraction is used.
    """

    search_fraction: float = 0.2
    report_fraction: float = 0.2

    def __post_init__(self) -> None:
        normalise_fields(self, prefix="splits.")
        for name in ("search_fraction", "report_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    problem(name, "must lie between 0 and 1", getattr(self, name), "Try 0.2.")
                )
        if self.search_fraction + self.report_fraction >= 1:
            raise ConfigError(
                problem(
                    "search_fraction + report_fraction",
                    "must leave images to train on",
                    self.search_fraction + self.report_fraction,
                    "Lower one of them.",
                )
            )


@dataclass(frozen=True, eq=False)
class Splits:
    """Disjoint index arrays, each ascending, that cover every image."""

    train: Indices
    search: Indices
    report: Indices

    @classmethod
    def make(
        cls,
        labels: NDArray[np.int64],
        *,
        seed: int,
        search_fraction: float,
        report_fraction: float,
        held_out: int = 0,
        validation: int = 0,
    ) -> Splits:
        """Split images so that each class is divided in the same proportions.

        Args:
            labels: (n,) class numbers.
            seed: Seed of the random choice; equal seeds give equal splits.
            search_fraction: Share of the images for the search.
            report_fraction: Share of the images for the report.
            held_out: Number of images, at the end, reserved for the report.
            validation: Number of images, before those, reserved for the search.

        Raises:
            ConfigError: A class has too few images to appear in every split.
        """
        from sklearn.model_selection import train_test_split

        ends = np.array([len(labels) - held_out - validation, len(labels) - held_out])
        train, search, report = np.split(np.arange(len(labels)), ends)
        share = search_fraction
        try:
            if not held_out:
                share = search_fraction / (1 - report_fraction)
                train, report = train_test_split(
                    train, test_size=report_fraction, random_state=seed, stratify=labels[train]
                )
            if not validation:
                train, search = train_test_split(
                    train, test_size=share, random_state=seed, stratify=labels[train]
                )
        except ValueError as error:
            raise ConfigError(
                problem(
                    "splits",
                    "must give every class an image in every split",
                    error,
                    "Raise search_fraction or report_fraction, or add images of every class.",
                )
            ) from None
        return cls(np.sort(train), np.sort(search), np.sort(report))

    @property
    def digest(self) -> str:
        """Hash of the three index lists as 64 hexadecimal digits."""
        state = hashlib.sha256()
        for part in (self.train, self.search, self.report):
            state.update(np.int64(len(part)).tobytes())
            state.update(part.astype("<i8").tobytes())
        return state.hexdigest()


def check_divisible(data: DataHeader, config: SplitConfig, *, seed: int) -> None:
    """Check that `Splits.make` would succeed on such data.

    If every class has plenty of images, their counts alone decide this.

    Raises:
        ConfigError: As `Splits.make`.
    """
    lacking = [str(c) for c, count in enumerate(data.class_counts) if not count]
    if lacking:
        rule = "must give every class an image to train on"
        value = f"none of {', '.join(lacking[:8])}"
        raise ConfigError(problem(f"{data.name}: labels", rule, value, "Number them without gaps."))
    shares = [] if data.held_out else [config.report_fraction]
    shares += [] if data.validation else [config.search_fraction]
    rest = 1 - sum(shares)
    if not shares or min(data.class_counts) * min(*shares, rest) >= PLENTY:
        return
    others = np.zeros(data.held_out + data.validation, np.int64)
    labels = np.repeat(np.arange(data.num_classes), data.class_counts)
    Splits.make(
        np.concatenate([labels, others]),
        seed=seed,
        search_fraction=config.search_fraction,
        report_fraction=config.report_fraction,
        held_out=data.held_out,
        validation=data.validation,
    )
