"""Bad wishes of a good run, and damage to a run's files: status 2, one sentence, no file more."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qnas.cli.main import cli
from tests.cli.bad import Bad
from tests.cli.test_bad_inputs import refused
from tests.cli.tiny_study import study

STUDY = study(search={"trials": 3, "population": 3})
RUN = Path("runs/tiny")
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study and its run, as far as the search."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "s.toml").write_text(STUDY)
    for command in ("train", "search"):
        arguments = [command, str(folder / "s.toml"), "--runs", str(folder / "runs")]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
    (folder / "full").mkdir()
    (folder / "full/mine.txt").write_text("mine")
    return folder


def edited(name: str, **values: Any) -> Damage:
    def edit(run: Path) -> None:
        data = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps(data | values))

    return edit


def written(name: str, content: bytes) -> Damage:
    return lambda run: (run / name).write_bytes(content)


def cut(name: str) -> Damage:
    return lambda run: (run / name).write_bytes((run / name).read_bytes()[:-9])


def unharmed(run: Path) -> None:
    pass


WISH = "must be NAME=VALUE with a number"
JSON, AGAIN = "must be a whole JSON file", "Delete it and run again."
CASES: list[tuple[str, Damage, str, str, str, str, str]] = [
    ("no value", unharmed, "pick s.toml --at-most dsp", "--at-most", WISH, "'dsp'", "dsp=400"),
    ("text", unharmed, "pick s.toml --weight dsp=x", "--weight", WISH, "'dsp=x'", "dsp=400"),
    ("unknown", unharmed, "pick s.toml --at-most dps=9", "", "must name", "'dps'", "Did you mean"),
    ("nan", unharmed, "pick s.toml --at-most dsp=nan", "", "must be", "nan", ""),
    ("minus", unharmed, "pick s.toml --fps -5", "", "must be", "-5", ""),
    ("too fast", unharmed, "pick s.toml --fps 1e12", "", "must", "", ""),
    ("a full folder", unharmed, "pick s.toml --out full", "out", "must be a new", "full", ""),
    (
        "outside",
        unharmed,
        "tune s.toml --pick ../x",
        "pick",
        "must be a pick",
        "'../x'",
        "Known: knee",
    ),
    ("cut", cut("supernet.json"), "export s.toml", "supernet.json", JSON, "", AGAIN),
    (
        "no number",
        edited("supernet.json", input_step="x"),
        *("export s.toml", "tiny", "must hold a supernet of its space", "x", "Train again."),
    ),
    (
        "no space",
        edited("supernet.json", space=5),
        *("export s.toml", "tiny", "must hold a supernet of its space", "int", "Train again."),
    ),
    ("no run", written("manifest.json", b"[" * 100_000), "report s.toml", "", JSON, "", AGAIN),
    (
        "noise",
        written("study.journal", b"noise\n"),
        "report s.toml",
        "study.journal",
        "must",
        "",
        "",
    ),
    ("no other", unharmed, "compare runs/tiny runs/other", "runs/other", "must", "nothing", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_bad_runs(
    case: tuple[str, Damage, str, str, str, str, str],
    searched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = shutil.copytree(searched, tmp_path / "copy")
    monkeypatch.chdir(folder)
    name, damage, command, subject, rule, value, remedy = case
    damage(RUN)
    refused(Bad(name, {}, command, subject, rule, value, remedy), folder)
