"""Entry points of another distribution, installed for real: a dist-info folder on the path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnas.accel.device import load_device
from qnas.cli.main import cli
from qnas.errors import ConfigError, UnknownNameError
from qnas.objectives.registry import objective_info, objective_names
from qnas.spaces import load_space, space_names
from qnas.studies.config import load_config

MODULE = """
from pathlib import Path
from qnas.accel.device import load_device
from qnas.objectives.base import FunctionObjective
from qnas.space import SearchSpace

DEPTH = FunctionObjective("blocks", "blocks", "maximize", lambda c: c.architecture.depth)
SPACE = SearchSpace(
    name="theirs", image_size=8, patch_size=4, in_channels=1, num_classes=2, head_dim=8,
    embed_dims=(16,), depths=(1,), num_heads=(1,), mlp_ratios=(1.0,),
)
BOARD = str(Path(__file__).parent / "board.toml")
OTHER = load_device("kv260")
WRONG = 3
SHADOW = FunctionObjective("dsp", "x", "minimize", lambda c: 0.0)
"""
POINTS = """[qnas.objectives]
depth = their_module:DEPTH
broken = their_absent_module:X
wrong = their_module:WRONG
[qnas.spaces]
theirs = their_module:SPACE
odd = their_module:WRONG
[qnas.devices]
board = their_module:BOARD
other = their_module:OTHER
"""
STUDY = """
name = "own"
space = "digits"
data = "digits"
device = "zcu102"
objectives = ["error", "mine.py:DEPTH"]
[limits]
latency = 3.5
"mine.py:DEPTH" = 2
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "their_module.py").write_text(MODULE)
    (tmp_path / "mine.py").write_text(MODULE)
    board = resources.files("qnas.accel").joinpath("devices/kv260.toml").read_text()
    (tmp_path / "board.toml").write_text(board.replace('name = "kv260"', 'name = "board"'))
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_plugins_are_listed_and_loaded(installed: Path) -> None:
    assert {"depth", "error"} <= set(objective_names()) and "theirs" in space_names()
    assert objective_info("depth").direction == "maximize"
    assert load_space("theirs").embed_dims == (16,)
    spaces, objectives = (CliRunner().invoke(cli, [name]) for name in ("spaces", "objectives"))
    assert spaces.exit_code == objectives.exit_code == 0
    assert "theirs       8x8 images" in spaces.output and "must be a SearchSpace" in spaces.output
    assert "blocks" in objectives.output and "their_absent_module" in objectives.output
    assert load_device("board").lut == load_device("kv260").lut
    devices = CliRunner().invoke(cli, ["devices"])
    assert devices.exit_code == 0 and "│ board " in devices.output
    assert "`other` must be a Device of that name" in devices.output
    assert CliRunner().invoke(cli, ["devices", "board"]).exit_code == 0


def test_a_plugin_that_is_no_use_says_so(installed: Path) -> None:
    with pytest.raises(ConfigError, match="their_absent_module"):
        objective_info("broken")
    with pytest.raises(ConfigError, match="must be an Objective"):
        objective_info("wrong")
    with pytest.raises(ConfigError, match="must be a SearchSpace"):
        load_space("odd")
    with pytest.raises(ConfigError, match="name of its own"):
        objective_info(f"{installed}/mine.py:SHADOW")
    with pytest.raises(UnknownNameError, match="Did you mean 'depth'"):
        objective_info("dept")


def test_a_study_names_an_objective_of_a_file_beside_it(installed: Path) -> None:
    (installed / "study.toml").write_text(STUDY)
    config = load_config(installed / "study.toml")
    own = f"{installed}/mine.py:DEPTH"
    assert config.objectives == ("error", own)
    assert config.limits == {"latency": 3.5, own: 2}
    assert objective_info(own).unit == "blocks"
