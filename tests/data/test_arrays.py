"""NumPy files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnas.data import load_data
from qnas.errors import ConfigError

BYTES = np.random.default_rng(0).integers(0, 256, (12, 5, 5, 3), dtype=np.uint8)
LABELS = np.arange(12) % 3


def save(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return f"numpy:{path}"


def test_bytes_are_normalised_and_test_images_held_out(tmp_path: Path) -> None:
    name = save(
        tmp_path / "a.npz",
        images=BYTES,
        labels=LABELS,
        test_images=BYTES[:6],
        test_labels=LABELS[:6],
    )
    data = load_data(name)
    assert data.images.shape == (18, 3, 5, 5) and data.held_out == 6 and data.num_classes == 3
    wanted = (BYTES[0, ..., 0] / 255 - 0.485) / 0.229
    np.testing.assert_allclose(data.images[0, 0], wanted, atol=1e-5)  # type: ignore[index,call-overload]


def test_grey_bytes_and_floating_point(tmp_path: Path) -> None:
    grey = load_data(save(tmp_path / "a.npz", images=BYTES[..., 0], labels=LABELS))
    assert grey.images.shape == (12, 1, 5, 5) and grey.input_step == pytest.approx(1 / 31)
    images = np.random.default_rng(1).normal(size=(12, 2, 4, 4))
    data = load_data(save(tmp_path / "b.npz", images=images, labels=LABELS))
    np.testing.assert_array_equal(data.images[:], images.astype(np.float32))
    assert data.input_step == pytest.approx(np.abs(images).max() / 31)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:-1]}, r"labels` must be integers, one an image \(12\)"),
        ({"labels": LABELS + 0.5}, "must be integers"),
        ({"labels": LABELS * 2}, "none of 1, 3"),
        ({"labels": LABELS - 1}, "0 or more; got -1"),
        ({"images": BYTES[..., :2]}, "must be bytes"),
        ({"images": BYTES.astype(np.int32)}, "must be bytes"),
        ({"images": np.full((12, 1, 4, 4), np.nan)}, "must be finite"),
        ({"test_images": BYTES}, "must hold `test_labels`"),
        ({"test_images": BYTES[:, :4], "test_labels": LABELS}, "test_images` must be like images"),
        ({"test_images": BYTES, "test_labels": LABELS + 1}, r"held-out labels` must lie in 0\.\.2"),
        ({"labels": np.array([object()] * 12)}, "must be an .npz file of plain arrays"),
    ],
)
def test_bad_arrays_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    name = save(tmp_path / "a.npz", **({"images": BYTES, "labels": LABELS} | change))
    with pytest.raises(ConfigError, match=message):
        load_data(name)


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BYTES)
    for name, content in (("a.npy", None), ("b.npz", b"nothing"), ("c.npz", None)):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=rf"{name}` must be an \.npz file"):
            load_data(f"numpy:{tmp_path / name}")
