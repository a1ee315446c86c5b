"""Data sets and their split."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from qnas.data import DataHeader, ImageSet, load_data, resolve_data
from qnas.data.splits import SplitConfig, Splits, check_divisible
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


ZEROS = np.zeros((3, 1, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 1, 10])}, r"must lie in 0\.\.9"),
        ({"labels": np.array([-1, 1, 2])}, r"must lie in 0\.\.9"),
        ({"images": np.zeros((3, 1, 8, 8))}, "must be float32; got float64"),
        ({"labels": np.array([0, 1, 2], np.int32)}, "must be int64; got int32"),
        ({"labels": np.array([0, 1])}, "one an image"),
        ({"labels": [0, 1, 2]}, r"`labels` must be a NumPy array; got \[0, 1, 2\]"),
        ({"images": ZEROS[0]}, "n, C, H, W"),
        ({"images": ZEROS[..., :0]}, r"must hold pixels; got \(3, 1, 8, 0\)"),
        ({"images": ZEROS[:0], "labels": np.zeros(0, np.int64)}, "must hold pixels"),
        ({"images": ZEROS.tolist()}, "`images` must be a NumPy array"),
        ({"images": ZEROS + np.float32(np.nan)}, "finite"),
        ({"name": 5}, "`name` must be text; got 5"),
        ({"num_classes": 10.0}, r"`num_classes` must be an integer; got 10\.0"),
        ({"num_classes": True}, "`num_classes` must be an integer; got True"),
        ({"num_classes": 10**15}, r"`num_classes` must lie in 1\.\.1,048,576"),
        ({"num_classes": 0}, r"`num_classes` must lie in 1\.\."),
        ({"input_step": "1"}, "`input_step` must be a finite number"),
        ({"input_step": float("nan")}, "`input_step` must be a finite number"),
        ({"input_step": 0}, "`input_step` must be positive"),
        ({"held_out": 1.0}, "`held_out` must be an integer"),
        ({"held_out": -1}, "`held_out` must be 0 or more"),
        ({"validation": -1}, "`validation` must be 0 or more"),
        ({"held_out": 2, "validation": 1}, r"`held_out \+ validation` must leave images"),
    ],
)
def test_broken_images_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_set(**change)


def make_set(**change: object) -> ImageSet:
    fields = {"images": ZEROS, "labels": np.array([0, 1, 2]), "num_classes": 10}
    return ImageSet(**({"name": "broken", "input_step": 1.0} | fields | change))  # type: ignore[arg-type]


def test_numbers_of_numpy_become_plain() -> None:
    found = make_set(num_classes=np.int16(3), held_out=np.uint8(1), input_step=np.float32(0.5))
    assert [type(found.num_classes), type(found.held_out), type(found.input_step)] == [
        *(int, int, float)
    ]
    assert found.header.class_counts == (1, 1, 0) and found.header.held_out == 1


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((9, 9, 9), None),
        ((3, 40, 40), None),
        ((1, 40, 40), "must give every class an image in every split"),
        ((2, 2, 2), "must give every class an image in every split"),
        ((5, 0, 5), "must give every class an image to train on; got none of 1"),
    ],
)
@pytest.mark.parametrize("held_out", [0, 4])
def test_what_cannot_be_divided_is_told_from_counts(
    counts: tuple[int, ...], message: str | None, held_out: int
) -> None:
    """As `Splits.make` tells it."""
    header = DataHeader("x", (sum(counts), 1, 8, 8), counts, held_out=held_out)
    labels = np.concatenate([np.repeat(np.arange(3), counts), np.zeros(held_out, np.int64)])
    config = SplitConfig()
    if message is None:
        check_divisible(header, config, seed=0)
        Splits.make(labels, seed=0, search_fraction=0.2, report_fraction=0.2, held_out=held_out)
        return
    with pytest.raises(ConfigError, match=message):
        check_divisible(header, config, seed=0)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("mine/data.npz", 'Write "numpy:mine/data.npz"'),
        ("../pictures", 'Write "folder:../pictures"'),
        ("/data/imagenet", 'Write "folder:/data/imagenet"'),
        ("folder", "Did you mean 'folder:PATH'"),
    ],
)
def test_a_path_without_its_kind_names_the_kind(name: str, remedy: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(remedy)):
        load_data(name)


def test_a_path_that_leads_nowhere_is_said_to_be_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    absent, unknown = "must be a folder that exists", "must be a known data set"
    for name, rule in (
        ("./photos", absent),
        ("a/b", absent),
        ("~/photos", absent),
        ("~no such user/photos", absent),
        ("~/there", unknown),
        ("../there", unknown),
        ("csv:a/b", unknown),
        ("photos", unknown),
    ):
        with pytest.raises(UnknownNameError, match=rule):
            load_data(name)
    assert resolve_data("../there", tmp_path / "there") == str(tmp_path / "there")
    assert resolve_data("digits", tmp_path) == "digits"
