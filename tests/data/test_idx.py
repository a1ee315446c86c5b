"""IDX files: what is read, and every way in which a pair of files can be wrong."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qnas.data import idx, load_data
from qnas.data.idx import load_idx, read_idx
from qnas.data.splits import Splits
from qnas.errors import ConfigError


def write(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def make(folder: Path, *, count: int = 40, classes: int = 4) -> Path:
    rng = np.random.default_rng(0)
    for part, n, suffix in (("train", count, ""), ("t10k", count // 4, ".gz")):
        write(folder / f"{part}-images-idx3-ubyte{suffix}", rng.integers(0, 256, (n, 6, 6)))
        write(folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(n) % classes)
    return folder


def test_train_and_test_files_raw_and_gzipped(tmp_path: Path) -> None:
    data = load_idx(make(tmp_path))
    raw = read_idx(tmp_path / "train-images-idx3-ubyte")
    assert data.images.shape == (50, 1, 6, 6) and data.num_classes == 4 and data.held_out == 10
    np.testing.assert_allclose((data.images[:40, 0] + 1) * 127.5, raw, atol=1e-4)
    assert data.labels[:5].tolist() == [0, 1, 2, 3, 0]


def test_the_report_gets_the_held_out_images_and_no_others(tmp_path: Path) -> None:
    data = load_idx(make(tmp_path))
    splits = Splits.make(
        data.labels, seed=0, search_fraction=0.2, report_fraction=0.2, held_out=data.held_out
    )
    assert splits.report.tolist() == list(range(40, 50))
    assert len(splits.search) == 8 and len(splits.train) == 32
    assert sorted([*splits.train, *splits.search]) == list(range(40))


def damage_header(path: Path) -> None:
    path.write_bytes(b"\0\0\x0d" + path.read_bytes()[3:])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lose_a_label(path: Path) -> None:
    write(path, read_idx(path)[:-1])


def leave_a_gap(path: Path) -> None:
    labels = read_idx(path).copy()
    labels[labels == 2] = 9
    write(path, labels)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("train-images-idx3-ubyte", damage_header, "must be an IDX file of unsigned bytes"),
        ("train-images-idx3-ubyte", cut_short, "must hold the 40 x 6 x 6 bytes of its header"),
        ("train-labels-idx1-ubyte", lose_a_label, r"must be as many as .*\(40\)`?; got 39"),
        ("train-labels-idx1-ubyte", leave_a_gap, "none of 2, 4, 5, 6, 7, 8"),
        ("t10k-labels-idx1-ubyte.gz", leave_a_gap, r"held-out labels` must lie in 0\.\.3.*got 9"),
        ("t10k-labels-idx1-ubyte.gz", cut_short, "must be a whole, readable file"),
        ("t10k-labels-idx1-ubyte.gz", Path.unlink, "neither"),
    ],
)
def test_damage_names_the_file_and_the_rule(
    tmp_path: Path, name: str, change: Callable[[Path], None], message: str
) -> None:
    change(make(tmp_path) / name)
    with pytest.raises(ConfigError, match=message):
        load_idx(tmp_path)


def test_fashion_mnist_absent_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "FASHION_MNIST", Path("/nowhere/fashion-mnist"))
    with pytest.raises(ConfigError, match="apt-get install dataset-fashion-mnist"):
        load_data("fashion_mnist")


@pytest.mark.skipif(not idx.FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist not installed")
def test_fashion_mnist_as_debian_installs_it() -> None:
    data = load_data("fashion_mnist")
    assert data.images.shape == (70000, 1, 28, 28) and data.held_out == 10000
    assert np.bincount(data.labels).tolist() == [7000] * 10
    assert data.images.min() == -1.0 and data.images.max() == 1.0
