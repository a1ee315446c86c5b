"""`qnas tune` on a run of a second's training: what it writes, decides, repeats and refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from qnas.studies import load_config, writable_run
from qnas.studies.progress import Silent
from qnas.studies.stages import pipeline as stages
from tests.cli.tiny_study import TINY_SPACE, qnas, study

TUNE = "[tune]\nepochs = 3\nlearning_rate = 0.003\n"
STUDY = study(
    space=TINY_SPACE,
    search={"trials": 4, "population": 2},
    train={"epochs": 3, "checkpoint_epochs": 1},
    tune={"epochs": 3, "learning_rate": 3e-3},
    splits={"search_fraction": 0.3, "report_fraction": 0.02},
)


class Killed(Exception):
    pass


class Killer(Silent):
    """Ends the process, as it were, behind the second epoch of a tuning."""

    def __init__(self) -> None:
        self._stage = ""

    def stage(self, name: str, note: str) -> None:
        self._stage = name

    def advance(self, done: int, total: int, note: str) -> None:
        if self._stage == "tune" and done >= total * 2 / 3:
            raise Killed


def summary_of(folder: Path) -> Any:
    return json.loads((folder / "runs/tiny/summary.json").read_text())


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    (folder / "study.toml").write_text(STUDY)
    assert qnas("train", folder).exit_code == 0
    assert qnas("search", folder).exit_code == 0
    return folder


@pytest.fixture(scope="module")
def tuned(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported before it is tuned, so that the export must follow the weights."""
    folder = shutil.copytree(searched, tmp_path_factory.mktemp("tuned") / "copy")
    assert qnas("export", folder).exit_code == 0
    result = qnas("tune", folder, "--pick", "knee")
    assert result.exit_code == 0, result.output
    for title in ("inherited", "tuned", "integer", "C++"):
        assert title in result.stdout
    return folder


def test_the_search_split_decides_and_the_hardware_follows(tuned: Path, searched: Path) -> None:
    (pick,) = summary_of(tuned)["picks"]
    tuning = pick["tuning"]
    better = tuning["search"]["tuned"] > tuning["search"]["inherited"]
    assert better, "three more epochs alone should help a supernet of three epochs"
    assert tuning["weights"] == "tuned"
    assert pick["accuracy"]["fake_quant"] == tuning["report"]["tuned"]
    assert pick["accuracy"]["integer"] == pick["accuracy"]["hls"]
    assert pick["verification"]["mismatches"] == 0 < pick["verification"]["values"]
    assert "tuned alone" in (tuned / "runs/tiny/report.html").read_text()


def test_again_it_only_prints(tuned: Path) -> None:
    files = [p for p in (tuned / "runs/tiny").rglob("*.safetensors")]
    before = [path.stat().st_mtime_ns for path in files]
    assert qnas("tune", tuned).exit_code == 0
    assert qnas("run", tuned).exit_code == 0
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.slow
def test_a_run_tunes_its_picks_on_request(searched: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(searched, tmp_path / "copy")
    result = qnas("run", folder, "--set", "tune.picks=true")
    assert result.exit_code == 0, result.output
    assert "Accuracy of tuned picks" in result.stdout
    assert all(pick["tuning"] is not None for pick in summary_of(folder)["picks"])


@pytest.mark.slow
def test_a_killed_tuning_goes_on_to_the_same_weights(searched: Path, tuned: Path) -> None:
    work_folder = shutil.copytree(searched, searched.parent / "killed")
    config = load_config(work_folder / "study.toml")
    runs = work_folder / "runs"
    with writable_run(config, runs=runs) as run, pytest.raises(Killed):
        stages.tune(run, progress=Killer())
    assert list(runs.glob("tiny/tuned/*/checkpoint.safetensors"))
    assert not list(runs.glob("tiny/tuned/*/tuning.json"))
    assert qnas("tune", work_folder).exit_code == 0
    (whole,) = tuned.glob("runs/tiny/tuned/*/supernet.safetensors")
    (resumed,) = work_folder.glob("runs/tiny/tuned/*/supernet.safetensors")
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_another_recipe_tunes_again_and_a_worse_outcome_changes_nothing(
    tuned: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tuned, tmp_path / "copy")
    worse = "[tune]\nepochs = 1\nlearning_rate = 5.0\n"
    (folder / "study.toml").write_text(STUDY.replace(TUNE, worse))
    assert qnas("tune", folder).exit_code == 0
    (pick,) = summary_of(folder)["picks"]
    assert pick["tuning"]["weights"] == "inherited"
    assert pick["accuracy"]["fake_quant"] == pick["tuning"]["report"]["inherited"]


@pytest.mark.parametrize(
    ("table", "arguments", "says"),
    [
        ("[tune]\n", ("--pick", "kne"), "Did you mean 'knee'?"),
        ("[tune]\nepoch = 2\n", (), "'epochs'"),
        ("[tune]\nepochs = 0\n", (), "tune.epochs"),
    ],
)
def test_bad_input_is_a_message_and_status_2(
    table: str, arguments: tuple[str, ...], says: str, searched: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(searched, tmp_path / "copy")
    (folder / "study.toml").write_text(STUDY.replace(TUNE, table))
    result = qnas("tune", folder, *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (folder / "runs/tiny/tuned").exists()


def test_it_stands_on_the_search(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    result = qnas("tune", tmp_path)
    assert result.exit_code == 2
    assert "qnas train" in result.stderr
