"""Image folders: decoded lazily and always alike; what is wrong names its file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas.data import ImageSet, PixelConfig, load_data
from qnas.data.files import DecodedImages, ImageFiles
from qnas.errors import ConfigError, UnknownNameError
from qnas.numerics import act_max
from tests.data.folders import make_folder


def load(root: Path, *, size: int = 32, channels: int = 3, **pixels: object) -> ImageSet:
    return load_data(
        f"folder:{root}",
        size=size,
        channels=channels,
        pixels=PixelConfig(**pixels),  # type: ignore[arg-type]
    )


def files(data: ImageSet) -> ImageFiles:
    assert isinstance(data.images, ImageFiles)
    return data.images


def test_train_comes_first_and_val_is_held_out(tmp_path: Path) -> None:
    data = load(make_folder(tmp_path))
    assert data.images.shape == (18, 3, 32, 32) and data.held_out == 6 and data.num_classes == 3
    assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [0, 0, 1, 1, 2, 2]
    assert files(data).names[0] == "train/class0/0.JPEG" and files(data).names[-1].startswith("val")


def test_nothing_is_decoded_before_it_is_asked_for(tmp_path: Path) -> None:
    data = load(make_folder(tmp_path))
    shutil.rmtree(tmp_path / "train")
    assert data.subset(np.arange(12, 18))[0][:].shape == (6, 3, 32, 32)
    with pytest.raises(ConfigError, match=r"0\.JPEG"):
        data.images[:1]


def test_pixels_are_those_of_pillow_normalised(tmp_path: Path) -> None:
    data = load(make_folder(tmp_path, size=32), mean=(0.5,), std=(0.25,))
    with Image.open(tmp_path / files(data).names[0]) as image:
        wanted = (np.asarray(image).transpose(2, 0, 1) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(data.images[:1][0], wanted, atol=1e-5)
    assert data.input_step == pytest.approx(2 / act_max(6))


def test_a_resized_image_is_cropped_to_its_centre(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
    stripes = np.zeros((64, 128), np.uint8)
    stripes[:, 32:96] = 255  # the centre square is white
    for name in ("a", "b"):
        Image.fromarray(stripes).save(tmp_path / "train" / name / "0.png")
    whole = load(tmp_path, channels=1).images[:1]
    assert whole[0, 0, :, 2:-2].min() > 0.9
    half = load(tmp_path, channels=1, crop=0.5).images[:1]
    np.testing.assert_allclose(half, 1.0, atol=1e-6)


def test_grey_and_colour_become_what_the_space_needs(tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    grey, colour = load(root, channels=1).images[:], load(root).images[:]
    assert grey.shape == (18, 1, 32, 32) and colour.shape == (18, 3, 32, 32)
    raw = load(root, mean=(0.5,), std=(0.5,)).images[1:2]
    assert np.array_equal(raw[:, 0], raw[:, 1])  # it lay there in grey


def test_decoded_once_is_the_same(tmp_path: Path) -> None:
    images = files(load(make_folder(tmp_path)))
    once = DecodedImages.of(images.subset([3, 1]))
    assert once.values.dtype == np.uint8 and once.shape == (2, 3, 32, 32)
    np.testing.assert_array_equal(once[:], images[np.array([3, 1])])


def test_the_digest_follows_files_and_pixels(tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    first = load(root).digest
    assert first == load(root).digest
    assert first != load(root, crop=0.9).digest
    shutil.copy(root / "train/class0/0.JPEG", root / "train/class0/9.JPEG")
    assert first != load(root).digest


def test_a_folder_of_classes_alone_has_nothing_held_out(tmp_path: Path) -> None:
    data = load(make_folder(tmp_path) / "train")
    assert data.held_out == 0 and len(data.labels) == 12 and data.num_classes == 3


def test_folds_that_are_taken_for_classes_get_a_remark(tmp_path: Path) -> None:
    make_folder(tmp_path)
    for part, fold in (("train", "fold1"), ("val", "fold2")):
        (tmp_path / part).rename(tmp_path / fold)
    data = load(tmp_path)
    assert data.class_names == ("fold1", "fold2")
    assert any("the same folders, class0, class1, class2." in remark for remark in data.remarks)
    (tmp_path / "fold2/class2").rename(tmp_path / "fold2/other")  # folders inside real classes
    assert not any("the same folders" in remark for remark in load(tmp_path).remarks)


@pytest.mark.parametrize("content", [b"", b"no image", b"%!PS-Adobe-3.0 EPSF-3.0\n", None])
def test_a_damaged_image_names_its_file(tmp_path: Path, content: bytes | None) -> None:
    data = load(make_folder(tmp_path))
    path = tmp_path / files(data).names[2]
    path.write_bytes(path.read_bytes()[:900] if content is None else content)
    with pytest.raises(ConfigError, match=r"class0/2\.JPEG` must be a readable image"):
        data.images[:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5,)}, "as many of std"),
        ({"mean": (0.5,), "std": (0.0,)}, "std` must lie in 0.001..1000"),
        ({"mean": (0.5,), "std": (1e-30,)}, r"std` must lie in 0\.001\.\.1000"),
        ({"crop": 1e-4}, r"crop` must lie in 0\.1\.\.1"),
        ({"crop": 1.5}, "crop` must lie in 0.1..1"),
        ({"mean": (0.5, 0.5), "std": (1.0, 1.0)}, r"one a channel \(3\)"),
    ],
)
def test_impossible_pixels_are_refused(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(make_folder(tmp_path), **options)


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="folder:PATH"):
        load_data("folders:/nowhere")
