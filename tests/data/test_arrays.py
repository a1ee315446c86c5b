"""NumPy files: which names, layouts and types are read, and as what."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnas.data import ImageSet, PixelConfig, load_data, peek_data
from qnas.errors import ConfigError

BYTES = np.random.default_rng(0).integers(0, 256, (12, 5, 5, 3), dtype=np.uint8)
GREY = BYTES[..., 0]
REAL = np.random.default_rng(1).normal(size=(12, 1, 4, 4))
LABELS = np.arange(12) % 3
ONE_HOT = np.eye(3)[LABELS]


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"numpy:{path}"


def read(folder: Path, *, channels: int = 1, white: float = 0.0, **arrays: Any) -> ImageSet:
    """What is loaded; its header alone tells the same but for remarks on pixels."""
    name, pixels = save(folder / "a.npz", **arrays), PixelConfig(white=white)
    data = load_data(name, size=5, channels=channels, pixels=pixels)
    header = peek_data(name, size=5, channels=channels, pixels=pixels)
    assert header is not None and set(header.remarks) <= set(data.remarks)
    assert (header.shape, header.class_counts) == (data.images.shape, data.header.class_counts)
    return data


def grey_levels(data: ImageSet) -> np.ndarray:
    """Back to 0..255."""
    return np.rint((np.asarray(data.images[:]) + 1) * 127.5)


def test_bytes_are_normalised_and_test_images_held_out(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        images=BYTES,
        labels=LABELS,
        test_images=BYTES[:6],
        test_labels=LABELS[:6],
        channels=3,
    )
    assert data.images.shape == (18, 3, 5, 5) and data.held_out == 6 and data.num_classes == 3
    wanted = (BYTES[0, ..., 0] / 255 - 0.485) / 0.229
    np.testing.assert_allclose(data.images[:1][0, 0], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "labels", "test"),
    [
        ("images", "labels", "test_images test_labels"),
        ("x_train", "y_train", "x_test y_test"),
        ("X_train", "Y_train", "X_test Y_test"),
        ("train_images", "train_labels", "test_images test_labels"),
        ("xtrain", "ytrain", "xtest ytest"),
        ("data", "targets", "x_val y_val"),
        ("train_x", "train_y", "valid_x valid_y"),
        ("X", "y", ""),
    ],
)
def test_usual_names_are_known(tmp_path: Path, images: str, labels: str, test: str) -> None:
    arrays = {images: GREY, labels: LABELS}
    if test:
        arrays |= dict(zip(test.split(), (GREY[:5], LABELS[:5]), strict=True))
    data = read(tmp_path, **arrays)
    assert data.held_out == (5 if test else 0) and data.remarks == ()
    np.testing.assert_array_equal(grey_levels(data)[:12, 0], GREY)


def test_validation_images_are_for_the_search(tmp_path: Path) -> None:
    """The names of MedMNIST, whose labels are a column."""
    arrays = {}
    for split, count in (("train", 12), ("val", 3), ("test", 6)):
        arrays |= {f"{split}_images": GREY[:count], f"{split}_labels": LABELS[:count, None]}
    data = read(tmp_path, **arrays)
    assert (data.validation, data.held_out, len(data.labels)) == (3, 6, 21)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(np.uint8),
        LABELS.astype(">i4"),
        LABELS.astype(np.float64),
        LABELS[:, None],
        LABELS + 1,
        ONE_HOT,
        ONE_HOT.astype(np.uint8),
        ONE_HOT.astype(bool),
    ],
)
def test_labels_of_any_kind(tmp_path: Path, labels: np.ndarray) -> None:
    data = read(tmp_path, images=GREY, labels=labels)
    assert data.labels.tolist() == LABELS.tolist()
    shifted = labels.min() == 1
    assert data.remarks == (("Labels 1..3 are read as classes 0..2.",) if shifted else ())


@pytest.mark.parametrize(
    ("images", "white", "remark"),
    [
        (GREY, 0, ""),
        (GREY.astype(np.int64), 0, ""),
        (GREY.astype(">u2"), 0, ""),
        (np.asfortranarray(GREY), 0, ""),
        (GREY.astype(">f4"), 0, "float32 images are read as pixels of 0..255"),
        (GREY.astype(np.uint16) * 257, 0, "uint16 images are read as pixels of 0..65535"),
        (GREY.astype(np.int32) * 16, 16 * 255, ""),
        (GREY / 255, 1, "float64 images are read as pixels of 0..1"),
    ],
)
def test_numbers_that_are_pixels(
    tmp_path: Path, images: np.ndarray, white: float, remark: str
) -> None:
    data = read(tmp_path, images=images, labels=LABELS, white=white)
    np.testing.assert_array_equal(grey_levels(data)[:, 0], GREY)
    assert data.input_step == pytest.approx(1 / 31)
    assert remark in " ".join(data.remarks) and len(data.remarks) == bool(remark)


def test_black_and_white(tmp_path: Path) -> None:
    data = read(tmp_path, images=GREY > 100, labels=LABELS)
    np.testing.assert_array_equal(grey_levels(data)[:, 0], 255 * (GREY > 100))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", ">f8", "longdouble"])
def test_other_numbers_are_taken_as_they_are(tmp_path: Path, dtype: Any) -> None:
    data = read(tmp_path, images=REAL.astype(dtype), labels=LABELS)
    np.testing.assert_array_equal(data.images[:], REAL.astype(dtype).astype(np.float32))
    assert data.input_step == pytest.approx(np.abs(REAL).max() / 31, rel=1e-3)


@pytest.mark.parametrize(
    ("shape", "channels", "wanted"),
    [
        ((12, 5, 5), 1, (1, 5, 5)),
        ((12, 5, 5, 3), 3, (3, 5, 5)),
        ((12, 3, 5, 5), 3, (3, 5, 5)),
        ((12, 5, 5, 1), 1, (1, 5, 5)),
        ((12, 1, 5, 5), 3, (1, 5, 5)),  # of another space: said when they are compared
        ((12, 6, 6, 2), 3, (2, 6, 6)),
        ((12, 2, 6, 6), 3, (2, 6, 6)),
        ((12, 3, 3, 3), 3, None),
        ((12, 6, 5, 4), 3, None),
        ((12, 25), 1, None),
        ((12, 2, 2, 5, 5), 1, None),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_channels_are_found_first_and_last(
    tmp_path: Path,
    shape: tuple[int, ...],
    channels: int,
    wanted: tuple[int, ...] | None,
    dtype: Any,
) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(dtype) / dtype(1)
    if wanted is None:
        with pytest.raises(ConfigError, match=r"must be \(n, H, W\)"):
            read(tmp_path, images=images.astype(dtype), labels=LABELS, channels=channels)
        return
    data = read(tmp_path, images=images.astype(dtype), labels=LABELS, channels=channels)
    assert data.images.shape[1:] == wanted


def with_row(value: float) -> np.ndarray:
    images = np.random.default_rng(1).random((40, 1, 32, 32))
    images[7, 0, 2] = value
    return images


def with_one(value: float) -> np.ndarray:
    images = np.random.default_rng(1).random((12, 1, 16, 16))
    images[7, 0, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:-1]}, r"labels` must be integers, one an image \(12\)"),
        ({"labels": LABELS + 0.5}, "must be integers.*got fractions"),
        ({"labels": np.full(12, np.nan)}, "must be integers.*got fractions"),
        ({"labels": np.eye(3)[LABELS] * 2}, r"or one-hot; got float64 \(12, 3\)"),
        ({"labels": np.array(list("abcabcabcabc"))}, "must be integers.*got <U1"),
        ({"labels": LABELS * 2}, "none of 1, 3"),
        ({"labels": LABELS - 1}, "0 or more; got -1"),
        ({"labels": (LABELS + 1).astype(np.uint64) * 2**62}, "must be below the number of images"),
        ({"images": BYTES.astype(np.int32) * 40}, r"must be pixels in 0\.\.255; got int32 0\.\."),
        ({"images": BYTES.astype(np.int16) - 128}, r"must be pixels in 0\.\.255; got int16 -128"),
        ({"images": GREY.astype(np.uint16) * 16}, "Write the value of white as `white`"),
        ({"images": GREY // 100}, "must use 8 levels or more.*got 1, of values"),
        ({"images": GREY // 128}, "must use 8 levels or more"),
        ({"images": np.zeros_like(GREY)}, "must not be the same in every pixel.*got -1 throughout"),
        ({"images": np.full((12, 1, 4, 4), 0.3)}, "must not be the same in every pixel"),
        ({"images": with_one(1e6)}, r"must not reach far beyond .*got 1e\+06 in image 7"),
        ({"images": with_one(-1e30)}, r"must not reach far beyond .*got -1e\+30 in image 7"),
        ({"images": with_row(1e4), "labels": np.arange(40) % 3}, r"got 1e\+04 in image 7"),
        ({"test_images": GREY[:0], "test_labels": LABELS[:0]}, "test_images` must hold images"),
        ({"images": with_one(np.nan)}, "must be finite; got 1 NaN.* in image 7"),
        ({"images": with_one(np.inf)}, "must be finite; got 1 NaN.* in image 7"),
        ({"images": with_one(1e300)}, "must be finite; got 1 NaN.* in image 7"),
        ({"images": GREY.astype(complex)}, r"must be \(n, H, W\).*got complex128"),
        ({"images": np.zeros((12, 5, 5), "M8[s]")}, r"must be \(n, H, W\).*got datetime64"),
        ({"images": np.zeros((12, 5, 5), [("a", "u1")])}, r"must be \(n, H, W\)"),
        ({"images": GREY[:, :0]}, r"must be \(n, H, W\).*\(12, 0, 5\)"),
        ({"images": np.array([object()] * 12)}, r"must be \(n, H, W\).*got object"),
        ({"test_images": GREY}, r"must hold `test_labels`; got images uint8 \(12, 5, 5\)"),
        ({"test_images": GREY[:, :4], "test_labels": LABELS}, "test_images` must be like .*images"),
        ({"test_images": GREY / 7, "test_labels": LABELS}, "test_images` must be like .*uint8"),
        ({"test_images": GREY, "test_labels": LABELS + 1}, r"held-out labels` must lie in 0\.\.2"),
        ({"labels": np.array([object()] * 12)}, "must be an .npz file of plain arrays"),
        ({"x_train": GREY}, r"must hold `images` once; got images .*, x_train uint8"),
        ({"val_images": GREY}, "must hold `validation_labels`"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, **({"images": GREY, "labels": LABELS} | change))


def test_unknown_names_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must hold `images`; got arr_0 .*, arr_1 int64 \(12,\)"):
        load_data(save(tmp_path / "a.npz", arr_0=GREY, arr_1=LABELS))
    data = read(tmp_path, images=GREY, labels=LABELS, ids=LABELS)
    assert data.remarks == (f"Not read in {tmp_path}/a.npz: ids int64 (12,).",)


@pytest.mark.parametrize("share", [0.3, 0.03, 0.003])
def test_drawings_of_few_pixels_are_no_outliers(tmp_path: Path, share: float) -> None:
    rng = np.random.default_rng(0)
    images = (rng.random((40, 32, 32)) < share) * rng.integers(100, 256, (40, 32, 32))
    data = read(tmp_path, images=images, labels=np.arange(40) % 3)
    np.testing.assert_array_equal(grey_levels(data)[:, 0], images)


def test_pixels_that_are_not_normalised_are_remarked(tmp_path: Path) -> None:
    data = read(tmp_path, images=GREY + 0.5, labels=LABELS)
    assert data.remarks == ("float64 images reach 254.5 and are not normalised: write `white`.",)


def test_images_of_one_value_are_counted(tmp_path: Path) -> None:
    images = GREY.copy()
    images[3:5] = 0
    data = read(tmp_path, images=images, labels=LABELS)
    assert data.remarks == ("2 of 12 images are of one value throughout.",)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BYTES)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("images.npy", b"no array")
    (tmp_path / "b.npz").write_bytes(b"nothing")
    for name in ("a.npy", "b.npz", "d.npz"):
        with pytest.raises(ConfigError, match=rf"{name}` must be an \.npz file"):
            load_data(f"numpy:{tmp_path / name}")
    with pytest.raises(ConfigError, match=r"c\.npz` must be a readable, regular file"):
        load_data(f"numpy:{tmp_path / 'c.npz'}")
    with pytest.raises(ConfigError, match="must be a readable, regular file"):
        load_data(f"numpy:{tmp_path}")


def test_more_than_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = {"shape": (10**9, 10**3, 10**3), "fortran_order": False, "descr": "|u1"}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        with archive.open("images.npy", "w") as member:
            np.lib.format.write_array_header_1_0(member, header)  # type: ignore[arg-type]
        with archive.open("labels.npy", "w") as member:
            header |= {"shape": (10**13,)}
            np.lib.format.write_array_header_1_0(member, header)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must fit in this machine's memory"):
        load_data(f"numpy:{tmp_path / 'a.npz'}")
