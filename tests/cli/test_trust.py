"""Reading a run executes no Python file that its study names, unless that is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qnas.cli.main import cli
from qnas.errors import ConfigError
from qnas.objectives import registry
from qnas.studies.open_run import open_run
from tests.cli.tiny_study import qnas, study

CODE = """
from pathlib import Path

from qnas.objectives.base import FunctionObjective
from tests.tiny import TINY

with (Path(__file__).parent / "executed").open("a") as log:
    log.write("x")


def depth(candidate):
    return float(candidate.architecture.depth)


DEPTH = FunctionObjective("depth", "blocks", "minimize", depth)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a study whose space and objective are in a Python file."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "mine.py").write_text(CODE)
    text = study(space="mine.py:TINY", search={"trials": 4, "population": 4})
    lines = text.partition("[")
    (folder / "study.toml").write_text(
        f'{lines[0]}objectives = ["error", "mine.py:DEPTH"]\n[{lines[2]}'
    )
    for command in ("train", "search"):
        result = qnas(command, folder)
        assert result.exit_code == 0, result.output
    shutil.copytree(folder / "runs/tiny", folder / "runs/other")
    return folder


@pytest.fixture
def log(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the executions from here on."""
    monkeypatch.setattr(registry, "_RECORDED", {})
    (made / "executed").unlink(missing_ok=True)
    return made / "executed"


def compare(made: Path, *more: str) -> Result:
    runs = [str(made / "runs" / name) for name in ("tiny", "other")]
    return CliRunner().invoke(cli, ["compare", *runs, *more])


def test_comparing_and_opening_execute_nothing(made: Path, log: Path) -> None:
    result = compare(made)
    assert result.exit_code == 0, result.output
    assert "depth" in result.output
    run = open_run(made / "runs/tiny")
    assert run.pick(at_most={"depth": 5}).trial in run.front() and run.space.name == "tiny"
    assert not log.exists()


@pytest.mark.parametrize("what", ["study.toml", "runs/tiny"])
def test_picking_and_reporting_execute_nothing(made: Path, log: Path, what: str) -> None:
    runs = ["--runs", str(made / "runs")]
    for command in (["pick", "--at-most", "depth=5"], ["report"]):
        result = CliRunner().invoke(cli, [command[0], str(made / what), *runs, *command[1:]])
        assert result.exit_code == 0, result.output
    assert not log.exists()


def test_a_manifest_without_them_is_refused_until_it_is_trusted(made: Path, log: Path) -> None:
    manifest = made / "runs/other/manifest.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "definitions": None}))
    result = compare(made)
    assert result.exit_code == 2 and "mine.py:TINY" in result.stderr and "--trust" in result.stderr
    with pytest.raises(ConfigError, match="trust=True"):
        open_run(made / "runs/other")
    assert not log.exists()
    assert compare(made, "--trust").exit_code == 0 and log.exists()
    manifest.write_text(json.dumps(data))


def test_data_that_code_loads_is_not_loaded(made: Path, log: Path) -> None:
    manifest = made / "runs/other/manifest.json"
    data = json.loads(manifest.read_text())
    changed = {**data["config"], "data": f"{made / 'mine.py'}:load"}
    manifest.write_text(json.dumps({**data, "config": changed}))
    with pytest.raises(ConfigError, match="not trusted"):
        _ = open_run(made / "runs/other").images
    assert not log.exists()
    manifest.write_text(json.dumps(data))
