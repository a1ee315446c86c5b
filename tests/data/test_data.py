"""Data sets and their split."""

from __future__ import annotations

import numpy as np
import pytest

from qnas.data import ImageSet, load_data
from qnas.data.splits import SplitConfig, Splits
from qnas.errors import ConfigError, UnknownNameError


def test_digits_are_the_real_ones() -> None:
    data = load_data("digits")
    assert data.images.shape == (1797, 1, 8, 8) and data.num_classes == 10
    assert data.images.min() == -1.0 and data.images.max() == 1.0
    assert np.bincount(data.labels).min() >= 170
    assert data.digest == load_data("digits").digest


def test_unknown_data_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'digits'"):
        load_data("digit")


def make(seed: int) -> Splits:
    labels = load_data("digits").labels
    return Splits.make(labels, seed=seed, search_fraction=0.2, report_fraction=0.2)


def test_splits_are_disjoint_complete_and_stratified() -> None:
    splits, labels = make(0), load_data("digits").labels
    parts = (splits.train, splits.search, splits.report)
    assert sorted(np.concatenate(parts).tolist()) == list(range(1797))
    for part in parts:
        shares = np.bincount(labels[part], minlength=10) / len(part)
        assert np.abs(shares - np.bincount(labels) / 1797).max() < 0.01


def test_splits_follow_their_seed() -> None:
    assert make(0).digest == make(0).digest != make(1).digest


@pytest.mark.parametrize(
    ("held_out", "validation", "sizes"),
    [(6, 0, (19, 5, 6)), (6, 4, (20, 4, 6)), (0, 4, (20, 4, 6)), (0, 0, (18, 6, 6))],
)
def test_images_of_their_own_to_search_and_to_report_with(
    held_out: int, validation: int, sizes: tuple[int, ...]
) -> None:
    labels = np.arange(30) % 2
    fractions = {"search_fraction": 0.2, "report_fraction": 0.2}
    splits = Splits.make(labels, seed=0, held_out=held_out, validation=validation, **fractions)
    parts = (splits.train, splits.search, splits.report)
    assert tuple(map(len, parts)) == sizes
    assert sorted(np.concatenate(parts).tolist()) == list(range(30))
    if held_out:
        assert splits.report.tolist() == list(range(24, 30))
    if validation:
        assert splits.search.tolist() == list(range(30 - held_out - 4, 30 - held_out))


@pytest.mark.parametrize("fractions", [(0.0, 0.2), (0.5, 0.5), (0.2, 1.5)])
def test_impossible_fractions_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="fraction"):
        SplitConfig(*fractions)


def test_too_few_images_of_a_class_are_refused() -> None:
    with pytest.raises(ConfigError, match="Raise search_fraction or report_fraction"):
        Splits.make(np.array([0, 0, 1]), seed=0, search_fraction=0.2, report_fraction=0.2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 1, 10])}, r"must lie in 0\.\.9"),
        ({"images": np.zeros((3, 1, 8, 8))}, "must be float32; got float64"),
        ({"labels": np.array([0, 1, 2], np.int32)}, "must be int64; got int32"),
        ({"labels": np.array([0, 1])}, "one an image"),
        ({"images": np.zeros((3, 8, 8), np.float32)}, "n, C, H, W"),
        ({"images": np.full((3, 1, 8, 8), np.nan, np.float32)}, "finite"),
    ],
)
def test_broken_images_are_refused(change: dict[str, np.ndarray], message: str) -> None:
    fields = {"images": np.zeros((3, 1, 8, 8), np.float32), "labels": np.array([0, 1, 2])}
    with pytest.raises(ConfigError, match=message):
        ImageSet(name="broken", num_classes=10, input_step=1.0, **(fields | change))  # type: ignore[arg-type]
