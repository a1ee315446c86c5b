"""IDX files: what is read, and every way in which a pair of files can be wrong."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qnas.data import ImageSet, PixelConfig, idx, load_data, peek_data
from qnas.data.idx import read_idx
from qnas.data.splits import Splits
from qnas.errors import ConfigError

TYPES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def encoded(array: np.ndarray, dtype: str = "u1") -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, TYPES[dtype], array.ndim, *array.shape)
    return header + array.astype(f">{dtype}").tobytes()


def write(path: Path, array: np.ndarray, dtype: str = "u1") -> None:
    data = encoded(array, dtype)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 6, 6))
LABELS = np.arange(50) % 4
USUAL = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def make(folder: Path, names: tuple[str, ...] = USUAL) -> Path:
    """40 images to train on, and if there are names for them, 10 more."""
    arrays = (IMAGES[:40], LABELS[:40], IMAGES[40:], LABELS[40:])
    for name, array in zip(names, arrays, strict=False):
        write(folder / name, array)
    return folder


def read(path: Path, *, channels: int = 1, white: float = 0.0) -> ImageSet:
    """What is loaded; the header tells the same."""
    name, pixels = f"idx:{path}", PixelConfig(white=white)
    data = load_data(name, size=6, channels=channels, pixels=pixels)
    header = peek_data(name, size=6, channels=channels, pixels=pixels)
    assert header is not None
    assert (header.shape, header.class_counts) == (data.images.shape, data.header.class_counts)
    return data


@pytest.mark.parametrize(
    "names",
    [
        USUAL,
        tuple(name.replace("-idx", ".idx") for name in USUAL),
        tuple(f"emnist-letters-{name.replace('t10k', 'test')}" for name in USUAL),
        tuple(name.upper().removesuffix(".GZ") for name in USUAL),
        tuple(f"{name.removesuffix('.gz')}/{name.removesuffix('.gz')}" for name in USUAL),
        ("images.idx3-ubyte", "labels.idx1-ubyte", "test-images.idx3-ubyte", "test-labels.idx1"),
        ("train-images.idx", "train-labels.idx", "val-images.idx", "val-labels.idx"),
    ],
)
def test_usual_names_raw_and_gzipped(tmp_path: Path, names: tuple[str, ...]) -> None:
    data = read(make(tmp_path, names))
    assert data.images.shape == (50, 1, 6, 6) and data.num_classes == 4 and data.held_out == 10
    np.testing.assert_allclose((data.images[:][:, 0] + 1) * 127.5, IMAGES, atol=1e-4)
    assert data.labels.tolist() == LABELS.tolist()


def test_without_test_files_nothing_is_held_out(tmp_path: Path) -> None:
    data = read(make(tmp_path, USUAL[:2]))
    assert data.held_out == 0 and len(data.labels) == 40


def test_unpacked_files_count_before_packed_ones(tmp_path: Path) -> None:
    make(tmp_path)
    write(tmp_path / f"{USUAL[0]}.gz", IMAGES[:3])
    assert len(read(tmp_path).labels) == 50


def test_several_sets_in_a_folder_are_told_apart_by_what_their_names_begin_with(
    tmp_path: Path,
) -> None:
    for kind in ("emnist-letters", "emnist-mnist"):
        make(tmp_path, tuple(f"{kind}-{name}" for name in USUAL))
    with pytest.raises(
        ConfigError, match=r"got emnist-letters-train-images.*Write what the wanted"
    ):
        read(tmp_path)
    assert len(read(tmp_path / "emnist-letters").labels) == 50


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_content_says_whether_it_is_packed(tmp_path: Path, suffix: str) -> None:
    content = encoded(IMAGES)
    (tmp_path / f"x{suffix}").write_bytes(content if suffix else gzip.compress(content))
    np.testing.assert_array_equal(read_idx(tmp_path / f"x{suffix}"), IMAGES)


@pytest.mark.parametrize("dtype", ["i2", "i4", "f4", "f8"])
def test_other_types_of_bytes(tmp_path: Path, dtype: str) -> None:
    make(tmp_path)
    for name, array in ((USUAL[0], IMAGES[:40]), (USUAL[2], IMAGES[40:])):
        write(tmp_path / name, array, dtype)
    write(tmp_path / USUAL[1], LABELS[:40], "i4")
    data = read(tmp_path)
    np.testing.assert_allclose((data.images[:][:, 0] + 1) * 127.5, IMAGES, atol=1e-4)
    assert data.labels.tolist() == LABELS.tolist()


def test_colour_and_white(tmp_path: Path) -> None:
    images = RNG.integers(0, 1024, (40, 3, 6, 6))
    write(tmp_path / USUAL[0], images, "i2")
    write(tmp_path / USUAL[1], LABELS[:40])
    data = read(tmp_path, channels=3, white=1023)
    wanted = (np.rint(images[:, 1] * 255 / 1023) / 255 - 0.456) / 0.224
    np.testing.assert_allclose(data.images[:][:, 1], wanted, atol=1e-5)


def test_the_report_gets_the_held_out_images_and_no_others(tmp_path: Path) -> None:
    data = read(make(tmp_path))
    splits = Splits.make(
        data.labels, seed=0, search_fraction=0.2, report_fraction=0.2, held_out=data.held_out
    )
    assert splits.report.tolist() == list(range(40, 50))
    assert len(splits.search) == 8 and len(splits.train) == 32
    assert sorted([*splits.train, *splits.search]) == list(range(40))


def unknown_type(path: Path) -> None:
    path.write_bytes(b"\0\0\x0a" + path.read_bytes()[3:])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"1")


def lose_a_label(path: Path) -> None:
    write(path, read_idx(path)[:-1])


def leave_a_gap(path: Path) -> None:
    labels = read_idx(path).copy()
    labels[labels == 2] = 9
    write(path, labels)


def flatten(path: Path) -> None:
    write(path, read_idx(path).reshape(-1))


def blacken(path: Path) -> None:
    for name in (USUAL[0], USUAL[2]):
        write(path.parent / name, np.zeros_like(read_idx(path.parent / name)))


def become_a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_more_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, *[1 << 20] * 3)
    (tmp_path / "x").write_bytes(pack(header + bytes(100)))
    with pytest.raises(ConfigError, match="must fit in this machine's memory"):
        read_idx(tmp_path / "x")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (USUAL[0], unknown_type, "must be an IDX file; got it begins with"),
        (USUAL[0], cut_short, "must hold the 40 x 6 x 6 values of its header; got 1,439 bytes"),
        (USUAL[0], lengthen, "must hold the 40 x 6 x 6 values of its header; got more"),
        (USUAL[0], flatten, r"must be \(n, H, W\)"),
        (USUAL[0], blacken, "must not be the same in every pixel"),
        (USUAL[0], become_a_fifo, "must be a readable, regular file"),
        (USUAL[0], Path.unlink, r"must hold one file such as train-images.*; got none"),
        (USUAL[1], lose_a_label, r"must be integers, one an image \(40\)"),
        (USUAL[1], leave_a_gap, "none of 2, 4, 5, 6, 7, 8"),
        (USUAL[2], lose_a_label, r"must be integers, one an image \(9\)"),
        (USUAL[3], leave_a_gap, r"held-out labels` must lie in 0\.\.3.*got 9"),
        (USUAL[3], cut_short, "must be a whole, readable file"),
        (USUAL[3], Path.unlink, r"must hold one file such as t10k-labels.*; got none"),
    ],
)
def test_damage_names_the_file_and_the_rule(
    tmp_path: Path, name: str, change: Callable[[Path], None], message: str
) -> None:
    change(make(tmp_path) / name)
    with pytest.raises(ConfigError, match=message):
        read(tmp_path)


def test_fashion_mnist_absent_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "FASHION_MNIST", Path("/nowhere/fashion-mnist"))
    with pytest.raises(ConfigError, match="apt-get install dataset-fashion-mnist"):
        load_data("fashion_mnist")


@pytest.mark.skipif(not idx.FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist not installed")
def test_fashion_mnist_as_debian_installs_it() -> None:
    data = load_data("fashion_mnist")
    assert data.images.shape == (70000, 1, 28, 28) and data.held_out == 10000
    assert peek_data("fashion_mnist") == data.header
    assert np.bincount(data.labels).tolist() == [7000] * 10
    assert data.images.min() == -1.0 and data.images.max() == 1.0
