"""`qnas check` looks at a study's data and limits: what would fail a run is said before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from qnas.cli.main import cli
from qnas.data import ImageSet, load_data, peek_data
from tests.data.folders import make_folder

SPACE = """
from dataclasses import replace
from qnas.spaces import load_space

FEW = replace(load_space("small32"), name="[red]few", num_classes=3)
"""
STUDY = """
name = "mine"
space = "space.py:FEW"
data = "folder:images"
device = "zcu102"
splits = {search_fraction = 0.25, report_fraction = 0.25}
"""
LOAD = """
import numpy as np
from qnas.data import ImageSet

def load():
    images = np.linspace(-1, 1, 30 * 3072, dtype=np.float32).reshape(30, 3, 32, 32)
    return ImageSet("own", images, np.arange(30) % 3, num_classes=3, input_step=1 / 31)

def ends():
    raise SystemExit(0)

def strange():
    return ImageSet("own", load().images, load().labels, num_classes=3.0, input_step=1 / 31)

def gap():
    return ImageSet("own", load().images, load().labels // 2, num_classes=3, input_step=1 / 31)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "space.py").write_text(SPACE)
    (tmp_path / "mine.py").write_text(LOAD)
    (tmp_path / "ends.py").write_text("import sys\nsys.exit(0)")
    (tmp_path / "study.toml").write_text(STUDY)
    make_folder(tmp_path / "images", train=8)
    return tmp_path


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(cli, ["check", str(folder / "study.toml"), *options])


def said(result: Result) -> str:
    """In one line, since a console folds."""
    return " ".join(result.output.split())


@pytest.mark.parametrize("options", [(), ("--data",)])
def test_good_data(folder: Path, options: tuple[str, ...]) -> None:
    result = check(folder, *options)
    assert result.exit_code == 0 and "`mine` can be satisfied" in result.stdout
    assert ("30 images of 3 classes were read" in result.stdout) == bool(options)


def study(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "study.toml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


def grey_with_policy(folder: Path) -> None:
    study("splits", 'train.auto_augment = "rand-m9-mstd0.5-inc1"\nsplits')(folder)
    space = folder / "space.py"
    space.write_text(space.read_text().replace("small32", "small28"))


def cut(folder: Path) -> None:
    for name in ("class0/2.JPEG", "class1/3.png", "class2/1.png"):
        path = folder / "images/train" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def array(**arrays: np.ndarray) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        study("folder:images", "numpy:a.npz")(folder)
        np.savez(folder / "a.npz", **arrays)

    return change


IMAGES = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(30) % 3
FLAT = np.zeros((30, 3, 32, 32))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (study("folder:images", "folder:nowhere"), "must be a folder"),
        (study("folder:images", "idx:images"), "must hold one file such as train-images"),
        (study("folder:images", "idx:nowhere"), "must hold one file such as train-images"),
        (study("folder:images", "numpy:a.npz"), "a.npz` must be a readable, regular file"),
        (study("folder:images", "digits"), "digits: images` must be (3, 32, 32) for the space"),
        (study("folder:images", "mine.py:nothing"), "must be a name in a Python file that runs"),
        (study("folder:images", "ends.py:load"), "must be a name in a Python file that runs"),
        (study("space.py:FEW", "small32"), "number of classes` must be 10"),
        (study("space.py:FEW", "small28"), "number of classes` must be 10"),
        (array(images=IMAGES[:, :31], labels=LABELS), "must be (3, 32, 32)"),
        (array(images=IMAGES, labels=LABELS // 2), "number of classes` must be 3"),
        (array(images=IMAGES[:4], labels=LABELS[:4]), "must give every class an image in every"),
        (array(images=IMAGES[:3], labels=LABELS[:3]), "must give every class an image in every"),
        (array(x=IMAGES, y=LABELS[:9]), "must be integers, one an image"),
        (array(photos=IMAGES, y=LABELS), "must hold `images`; got photos uint8 (30, 32, 32, 3)"),
        (study("0.25, report", "0.01, report"), "must give every class an image in every split"),
        (lambda f: (f / "images/train/class0/0.JPEG").write_bytes(b"no"), "must be a readable"),
        (study("splits", 'search = {seed_from = "none"}\nsplits'), "must lead to the front.csv"),
        (grey_with_policy, "`train.auto_augment` must be empty for images that are not of three"),
        (study("splits", "limits.lut = 10\nsplits"), "`limits.lut` must be kept by some subnet"),
    ],
)
def test_what_would_fail_is_said_at_once(
    folder: Path, change: Callable[[Path], None], message: str
) -> None:
    change(folder)
    result = check(folder)
    assert result.exit_code == 2 and message in said(result), result.output
    assert "can be satisfied" not in result.output and "Traceback" not in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, "2.JPEG` must be a readable image"),
        (cut, "2 more cannot be read: train/class1/3.png, train/class2/1.png"),
        (array(images=np.zeros_like(IMAGES), labels=LABELS), "must not be the same in every pixel"),
        (array(images=FLAT + np.nan, labels=LABELS), "must be finite"),
        (study("folder:images", "mine.py:ends"), "must load; got"),
        (study("folder:images", "mine.py:strange"), "`num_classes` must be an integer; got 3.0"),
        (study("folder:images", "mine.py:gap"), "must give every class an image to train on"),
    ],
)
def test_what_needs_all_images_is_found_by_reading_them(
    folder: Path, change: Callable[[Path], None], message: str
) -> None:
    change(folder)
    result = check(folder, "--data")
    assert result.exit_code == 2 and message in said(result), result.output


def test_a_function_is_called_only_to_read_the_data(folder: Path) -> None:
    study("folder:images", "mine.py:load")(folder)
    unread, read = check(folder), check(folder, "--data")
    assert unread.exit_code == read.exit_code == 0
    assert "mine.py:load` is not called" in said(unread)
    assert "30 images of 3 classes were read" in read.stdout


def test_remarks_show_names_as_they_are(folder: Path) -> None:
    (folder / "images/train/class0/x.[bold]\x1b[31m").touch()
    result = check(folder)
    assert result.exit_code == 0 and r"1 .[bold]\x1b[31m" in said(result)
    assert "\x1b" not in result.output


def test_images_of_one_value_are_counted(folder: Path) -> None:
    from PIL import Image

    Image.new("L", (40, 40), 7).save(folder / "images/train/class0/even.png")
    assert "1 of 31 images are of one value throughout" in said(check(folder, "--data"))


@pytest.mark.parametrize("name", ["digits"])
def test_headers_of_named_data_are_those_of_the_data(name: str) -> None:
    data = load_data(name)
    assert isinstance(data, ImageSet) and peek_data(name) == data.header


@pytest.mark.slow
def test_remarks_are_said_before_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    array(images=IMAGES, labels=LABELS, ids=LABELS)(folder)
    study("splits", "train = {epochs = 1, batch_size = 16}\nsplits")(folder)
    result = CliRunner().invoke(cli, ["train", "study.toml"])
    assert result.exit_code == 0, result.output
    assert "Not read in" in said(result) and "ids int64 (30,)" in said(result)
    assert result.output.index("Not read in") < result.output.index("supernet of")
