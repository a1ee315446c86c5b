from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnas.errors import ConfigError, UnknownNameError
from qnas.spaces import load_space
from qnas.studies.config import load_config
from qnas.studies.study_file import shipped_studies

STUDY = """
name = "mine"
data = "digits"
device = "zcu102"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text)
    return path


def test_changes_are_typed_as_the_file_is(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY + 'space = "digits"\n[train]\nepochs = 3\n')
    changes = ["train.epochs=5", "device=kv260", "fps_targets=[100, 200]", "search.settings={}"]
    found = load_config(path, changes)
    assert (found.train.epochs, found.device, found.fps_targets) == (5, "kv260", (100, 200))
    assert load_config(path, ["space.depths=[2]"]).search_space().depths == (2,)
    for change, says in (
        ("train.epochs=5.5", "train.epochs` must be a valid integer"),
        ("train.epoch=5", "Did you mean 'epochs'"),
        ("train.epochs", "must be KEY=VALUE"),
        ("=5", "must be KEY=VALUE"),
        ("device.lut=5", "must be a table"),
    ):
        with pytest.raises(ConfigError, match=says):
            load_config(path, [change])
    with pytest.raises(UnknownNameError, match="'kv260'"):
        load_config(path, ["device=kv26"])


def test_a_space_may_follow_another_and_its_data(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY + '[space]\nlike = "digits"\ndepths = [2, 3, 4]\n')
    space, digits = load_config(path).search_space(), load_space("digits")
    assert space.depths == (2, 3, 4) and space.embed_dims == digits.embed_dims
    assert (space.name, space.num_classes) == ("own", 10)
    with pytest.raises(UnknownNameError, match="Did you mean 'digits'"):
        load_config(write(tmp_path, STUDY + '[space]\nlike = "digit"\n'))


def test_the_number_of_classes_follows_from_the_data(tmp_path: Path) -> None:
    labels = np.arange(60) % 4
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "four.npz", images=images, labels=labels)
    for name in ("a", "b", "c"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    table = '[space]\nlike = "digits"\n'
    for source, classes in (("numpy:four.npz", 4), ("folder:photos", 3)):
        text = STUDY.replace('"digits"', f'"{source}"') + table
        assert load_config(write(tmp_path, text)).search_space().num_classes == classes
    (tmp_path / "mine.py").write_text("def load(): ...\n")
    with pytest.raises(ConfigError, match=r"space\.num_classes` must be given"):
        load_config(write(tmp_path, STUDY.replace('"digits"', '"mine.py:load"') + table))


def test_clock_and_margins_replace_those_of_the_device(tmp_path: Path) -> None:
    path = write(tmp_path, STUDY + 'space = "digits"\nclock_mhz = 200\n[margins]\nlut = 0.5\n')
    board = load_config(path).board()
    own = load_config("digits_zcu102").board()
    assert board.clock_mhz == 200 and board.limit("lut") == own.lut // 2
    assert board.limit("ff") == own.limit("ff")
    for change, says in (
        ("margins.lut=1.5", "must be a share"),
        ("margins.luts=0.5", "Did you mean 'lut'"),
        ("clock_mhz=-1", "must be 0"),
    ):
        with pytest.raises(ConfigError, match=says):
            load_config(path, [change])


def test_every_shipped_study_loads_by_its_bare_name() -> None:
    for name in shipped_studies():
        assert load_config(name).name == name
