"""A first study: what it finds in a folder, and that `qnas check` accepts what it writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from qnas.cli.main import cli
from qnas.studies.config import load_config
from qnas.studies.sources import plain_name
from qnas.studies.starter import look_at


def qnas(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def photos(root: Path, *, side: int, mode: str, each: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(("cat", "dog", "wet dog")):
        (root / name).mkdir(parents=True)
        for number in range(each):
            shape = (side, side + 9, 3) if mode == "RGB" else (side, side + 9)
            pixels = rng.integers(60 * label, 60 * label + 130, shape, dtype=np.uint8)
            Image.fromarray(pixels, mode).save(root / name / f"{number}.png")
    return root


@pytest.mark.parametrize(("side", "mode", "size"), [(70, "RGB", 64), (20, "L", 16)])
def test_a_folder_becomes_a_study_that_check_accepts(
    side: int, mode: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos(tmp_path / "my photos", side=side, mode=mode)
    made = qnas("init", "my photos", "--device", "kv260")
    assert made.exit_code == 0, made.output
    study = load_config("my_photos.toml")
    space = study.search_space()
    assert (space.image_size, space.num_classes) == (size, 3)
    assert space.in_channels == (3 if mode == "RGB" else 1)
    assert study.data_name == f"folder:{tmp_path / 'my photos'}"
    checked = qnas("check", "my_photos.toml")
    assert checked.exit_code == 0, checked.output
    assert "`my_photos` can be satisfied" in checked.stdout
    (fps,) = re.findall(r"the middle subnet: ([\d,]+) FPS", Path("my_photos.toml").read_text())
    assert f" {fps} " in checked.stdout  # one number in both places
    for remark in ("does not fit", "expect few", "keeps it"):
        assert remark not in checked.stdout
    assert qnas("init", "my photos", "--device", "kv260").exit_code == 2  # the file exists
    smaller = ["--size", "12", "--force", "--device", "kv260"]
    assert qnas("init", "my photos", *smaller).exit_code == 0
    assert load_config("my_photos.toml").search_space().image_size == 12


def test_without_a_terminal_the_board_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "No --device: the study is for zcu102" in qnas("init", "digits").stdout
    assert load_config("digits.toml").device == "zcu102"


def test_what_cannot_be_known_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def load(): ...\n")
    for arguments, says in (
        (("init", "mine.py:load"), "a Python function"),
        (("init", "nothing"), "must be a known data set"),
        (("init", "./nothing"), "must be a folder that exists"),
        (("init", "~no such user/x"), "must be a folder that exists"),
        (("init", "digits", "--device", "zcu12"), "Did you mean 'zcu102'"),
    ):
        refused = qnas(*arguments)
        assert refused.exit_code == 2 and says in refused.stderr
    assert not list(tmp_path.glob("*.toml"))


def test_names_are_plain() -> None:
    assert [plain_name(n) for n in ("My photos", "..", "über/x")] == ["My_photos", "mine", "ber_x"]
    assert look_at("digits").count == 1797
