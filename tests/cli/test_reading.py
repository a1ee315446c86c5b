"""What only looks at a run takes no lock and writes nothing there, also while it is searched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnas.cli.main import cli
from qnas.errors import ConfigError, StageOrderError
from qnas.studies.config import load_config
from qnas.studies.run.opening import read_run, writable_run
from tests.cli.tiny_study import qnas, study

STUDY = study(search={"trials": 6, "population": 3})


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reading")
    (folder / "study.toml").write_text(STUDY)
    for command in ("train", "search"):
        result = qnas(command, folder)
        assert result.exit_code == 0, result.output
    return folder


@contextmanager
def searching(folder: Path) -> Iterator[Path]:
    """The run as it is in the middle of a search: held, half of its trials made, the last one
    half written, and no front."""
    run = folder / "runs/tiny"
    lines = (run / "study.journal").read_bytes().splitlines(keepends=True)
    (run / "study.journal").write_bytes(b"".join(lines[:-2]) + lines[-2][:40])
    (run / "front.csv").unlink()
    with writable_run(load_config(folder / "study.toml"), runs=folder / "runs") as held:
        assert held.files.path == run
        yield run


REPORT = {"report.html", "sensitivity.json"}  # what a report writes, and nothing else


def state(run: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in run.rglob("*") if path.is_file() and path.name not in REPORT)
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_run_that_is_searched_is_read_and_left_alone(searched: Path, tmp_path: Path) -> None:
    folder, other = (shutil.copytree(searched, tmp_path / name) for name in ("a", "b"))
    with searching(folder) as run:
        before = state(run)
        assert qnas("pick", folder, "--fps", "1").exit_code == 0
        assert json.loads(qnas("pick", folder, "--json").stdout)["reasons"]
        result = qnas("report", folder)
        assert result.exit_code == 0, result.output
        assert "5 of 6 so far" in (run / "report.html").read_text()
        of_folder = CliRunner().invoke(cli, ["pick", str(run), "--json"])
        assert of_folder.stdout == qnas("pick", folder, "--json").stdout
        assert CliRunner().invoke(cli, ["report", str(run)]).exit_code == 0
        both = ["compare", str(run), str(other / "runs/tiny")]
        assert CliRunner().invoke(cli, both).exit_code == 0
        assert len(read_run(run).records().trials) == 5
        assert state(run) == before
        assert qnas("search", folder).exit_code == 2  # that would write


def test_a_report_of_what_is_complete_leaves_the_rest_of_the_run_alone(searched: Path) -> None:
    before = state(searched / "runs/tiny")
    assert qnas("report", searched).exit_code == 0
    assert state(searched / "runs/tiny") == before


def test_what_is_read_follows_the_search(searched: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(searched, tmp_path / "a")
    run = read_run(folder / "runs/tiny")
    assert run.study.metric_names == ["error", "latency", "dsp"]
    assert run.study is run.study and run.records().count == 6
    (folder / "study.toml").write_text(STUDY.replace("trials = 6", "trials = 8"))
    assert qnas("search", folder).exit_code == 0
    assert run.records().count == 8
    with pytest.raises(ConfigError, match=r"`train\.epochs` must be what the run"):
        changed = tmp_path / "other.toml"
        changed.write_text(STUDY.replace("epochs = 1", "epochs = 2"))
        read_run(folder / "runs/tiny", config=load_config(changed))


def test_what_is_no_run_or_has_no_trials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be the directory of a run"):
        read_run(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    for command in ("pick", "report"):
        refused = qnas(command, tmp_path)
        assert refused.exit_code == 2 and "needs the stage `train`" in refused.stderr
    with writable_run(load_config(tmp_path / "study.toml"), runs=tmp_path / "runs"):
        pass
    with pytest.raises(StageOrderError, match="needs the stage `search`"):
        read_run(tmp_path / "runs/tiny").searched_records("pick")
