"""Folders of images as people lay them out: what is read, what is named, what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnas._util.timm_support import import_timm
from qnas.data import ImageSet, PixelConfig, load_data, peek_data
from qnas.data.files import ImageFiles
from qnas.errors import ConfigError


def put(root: Path, *names: str) -> Path:
    """Small images of these names, below `root`."""
    for index, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.linspace(0, 255 - index % 256, 243).astype(np.uint8).reshape(9, 9, 3)
        Image.fromarray(ramp).save(path, "PNG")
    return root


def read(root: Path) -> ImageSet:
    data = load_data(f"folder:{root}", size=8)
    assert peek_data(f"folder:{root}", size=8) == data.header
    return data


def names(data: ImageSet) -> list[str]:
    assert isinstance(data.images, ImageFiles)
    return list(data.images.names)


TRAIN = ("train/a/1.png", "train/b/1.png")


@pytest.mark.parametrize(
    ("files", "held_out", "validation"),
    [
        (("val/a/1.png",), 1, 0),
        (("valid/a/1.png", "valid/b/1.png"), 2, 0),
        (("validation/b/1.png",), 1, 0),
        (("dev/b/1.png",), 1, 0),
        (("eval/b/1.png",), 1, 0),
        (("test/b/1.png",), 1, 0),
        (("Testing/b/1.png",), 1, 0),
        (("Val_Set/b/1.png",), 1, 0),
        (("val/a/1.png", "val/b/1.png", "test/a/1.png"), 1, 2),
        (("dev/a/1.png", "eval/b/1.png", "eval/b/2.png"), 2, 1),
        ((), 0, 0),
    ],
)
def test_usual_names_of_splits(
    tmp_path: Path, files: tuple[str, ...], held_out: int, validation: int
) -> None:
    data = read(put(tmp_path, *TRAIN, *files))
    assert (data.held_out, data.validation) == (held_out, validation)
    assert names(data)[:2] == list(TRAIN) and sorted(names(data)[2:]) == sorted(files)
    assert data.labels[:2].tolist() == [0, 1]


@pytest.mark.parametrize("train", ["train", "Train", "training", "TRAINING_SET", "trainset"])
def test_usual_names_of_train(tmp_path: Path, train: str) -> None:
    data = read(put(tmp_path, f"{train}/a/1.png", f"{train}/b/1.png", "val/b/1.png"))
    assert data.held_out == 1 and data.labels.tolist() == [0, 1, 1] and data.remarks[1:] == ()


@pytest.mark.parametrize(
    ("files", "remark"),
    [
        (("train/a/x.heic", "train/b/y.heic", "train/b/notes.TXT"), "2 .heic, 1 .txt."),
        (("train/a/Thumbs",), "1 without an ending."),
        (("train/a/.hidden.png", "train/a/._1.png"), "2 hidden."),
        (("train/a/__MACOSX/1.png",), "1 hidden."),
        (("train/list.csv", "train/2.png", "3.png"), "3 in no folder of a class."),
        (("extra/1.png", "more/a/1.png"), ": the folders extra, more."),
        (("test/1.png", "test/2.png"), ": the folder test."),  # no labels
        (("test/1.png", "train/a/x.heic", "x/1.png"), ": 1 .heic, the folders test, x."),
    ],
)
def test_what_is_not_read_is_counted(tmp_path: Path, files: tuple[str, ...], remark: str) -> None:
    data = read(put(tmp_path, *TRAIN, *files))
    assert names(data) == list(TRAIN)
    assert len(data.remarks) == 1 and data.remarks[0].endswith(remark)
    assert data.remarks[0].startswith(f"Not read in {tmp_path}")


def test_classes_are_walked_as_torchvision_does(tmp_path: Path) -> None:
    image_folder = import_timm("torchvision.datasets").ImageFolder
    put(
        tmp_path,
        *("b/1.png", "b/2020/1.PNG", "b/2020/2.jpg", "b/2019-x/1.ppm", "b/2019/9.png"),
        *("a/deep/er/1.tif", "a/0.JPEG", "C/z.webp", "C/10.bmp", "C/9.bmp"),
    )
    theirs = image_folder(str(tmp_path))
    ours = read(tmp_path)
    assert names(ours) == [str(Path(path).relative_to(tmp_path)) for path, _ in theirs.samples]
    assert ours.labels.tolist() == theirs.targets


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root, other = put(tmp_path / "d", "a/1.png", "b/1.png"), put(tmp_path / "o", "2.png")
    (root / "a/more").symlink_to(other, target_is_directory=True)
    (root / "a/2.png").symlink_to(root / "b/1.png")
    for name in ("up", "again"):
        (root / "b" / name).symlink_to(root, target_is_directory=True)
    (root / "b/self").symlink_to("self")
    data = read(root)
    assert names(data)[:3] == ["a/1.png", "a/2.png", "a/more/2.png"]
    assert "links back to a folder above" in data.remarks[0]
    assert len(data.labels) < 40


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, *TRAIN)
    os.mkfifo(tmp_path / "train/a/2.png")
    data = read(tmp_path)
    assert names(data) == list(TRAIN)
    assert "1 pipes or devices" in data.remarks[0]


def test_names_that_are_no_text_and_hostile_ones(tmp_path: Path) -> None:
    put(tmp_path, *TRAIN, "train/a/[red]\x1b[31m.txt", "train/a/\u202egnp.exe")
    bad = os.fsencode(str(tmp_path / "train/b/")) + b"/\xff\xfe.png"
    shutil.copy(tmp_path / TRAIN[0], bad)
    data = read(tmp_path)
    assert len(data.digest) == 64 and data.images[:].shape == (3, 3, 8, 8)
    with open(bad, "wb") as file:
        file.write(b"no image")
    with pytest.raises(ConfigError, match=r"/\\udcff\\udcfe\.png` must be a readable image"):
        data.images[:]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    data = read(put(tmp_path, "car/1.png", "plane/1.png", "train/1.png", "test tube/1.png"))
    assert data.num_classes == 4 and data.held_out == 0


def test_classes_without_held_out_images_are_counted(tmp_path: Path) -> None:
    data = read(put(tmp_path, *TRAIN, "train/c/1.png", "val/b/1.png"))
    assert data.remarks == (f"{tmp_path}/val has images of all but 2 of 3 classes.",)


@pytest.mark.parametrize("ending", [".gif", ".tiff", ".webp", ".png"])
def test_the_first_of_several_images_in_a_file_is_read(tmp_path: Path, ending: str) -> None:
    put(tmp_path, *TRAIN)
    frames = [Image.new("RGB", (9, 9), colour) for colour in ((250, 0, 0), (0, 0, 250))]
    path = tmp_path / "train/a" / f"0{ending}"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = read(tmp_path)
    assert data.remarks == (
        f"1 of 3 files looked at hold several images, as {path} does: the first of each is read.",
    )
    assert isinstance(data.images, ImageFiles)
    red, _, blue = data.images.subset([0]).decoded(np.arange(1))[0]
    assert red.min() > 230 and blue.max() < 25


def remove(*folders: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        for folder in folders:
            shutil.rmtree(root / folder)

    return change


def rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda root: (root / old).rename(root / new)


def add(*files: str) -> Callable[[Path], None]:
    return lambda root: put(root, *files)


def link_to_nothing(root: Path) -> None:
    (root / "train/a/9.png").symlink_to("nowhere.png")


def only_text(root: Path) -> None:
    (root / "train/b/1.png").rename(root / "train/b/1.heic")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (only_text, r"train/b` must hold an image .*; got 1 \.heic"),
        (
            remove("train/b"),
            r"train` must hold a folder of images for each class, two or more; got a",
        ),
        (
            remove("train/a", "train/b"),
            "must hold a folder of images for each class.*got no folder",
        ),
        (remove("train"), "must hold a folder `train` where it holds splits; got val"),
        (rename("train", "seg_train"), "where it holds splits; got seg_train, val"),
        (rename("val", "train/val"), None),
        (add("val/c/1.png"), r"val` must hold the classes that are trained on.*; got c"),
        (add("valid/a/1.png"), "must hold one folder to validate with; got val, valid"),
        (add("training/a/1.png"), "must hold one folder to train on; got train, training"),
        (add("test/a/1.png", "eval/a/1.png"), "must hold one folder to test with; got eval, test"),
        (remove("val/a"), r"val` must hold a folder of images for each class; got no image in one"),
        (
            lambda root: (root / "test").symlink_to(root / "train"),
            "got train and test.*links to",
        ),
        (lambda root: (root / "test").symlink_to("nowhere"), "test` must link to a folder or file"),
        (lambda root: (root / "train/c").symlink_to("nowhere"), "c` must link to a folder or file"),
        (lambda root: (root / "train/c").symlink_to("c"), "c` must link to a folder or file"),
        (link_to_nothing, r"9\.png` must link to a file that exists; got No such file"),
        (
            lambda root: (root / "train/a/2.png").touch(),
            r"2\.png` must be a readable image; got an",
        ),
        (lambda root: shutil.rmtree(root), "must be a folder"),
    ],
)
def test_bad_folders_are_refused(
    tmp_path: Path, change: Callable[[Path], None], message: str | None
) -> None:
    change(put(tmp_path / "d", *TRAIN, "val/a/1.png"))
    if message is None:  # a third class, whose images lie deeper
        assert read(tmp_path / "d").num_classes == 3
        return
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "d")


def test_a_folder_around_the_folder_names_the_right_one(tmp_path: Path) -> None:
    put(tmp_path / "archive", *TRAIN)
    with pytest.raises(ConfigError, match=rf"got archive alone\. Name {tmp_path}/archive"):
        read(tmp_path)


def test_dark_pictures_of_more_than_8_bits_are_noticed(tmp_path: Path) -> None:
    for name in TRAIN:
        (tmp_path / name).parent.mkdir(parents=True)
        dark = np.arange(81, dtype=np.uint16).reshape(9, 9) * 50  # of 12 bits
        Image.fromarray(dark).save(tmp_path / name)
    (remark,) = read(tmp_path).remarks
    assert "All of 2 files looked at" in remark and "write the value of white" in remark
    bright = load_data(f"folder:{tmp_path}", size=8, pixels=PixelConfig(white=4095))
    assert bright.remarks == ()


def test_white_that_no_file_needs_is_remarked(tmp_path: Path) -> None:
    data = load_data(f"folder:{put(tmp_path, *TRAIN)}", size=8, pixels=PixelConfig(white=100))
    assert data.remarks == ("`white` is not used: none of 2 files looked at has more than 8 bits.",)
