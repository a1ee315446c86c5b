"""qnas synth, with a stand-in for the tool: the real one cannot be had here."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qnas.accel.hls.synthesis import find_project
from qnas.cli.main import cli
from tests.accel.projects import small
from tests.accel.reports.test_reports import CSYNTH

OLD = ("vitis_hls", "small_hls/solution1/syn/report", "-f build.tcl")
NEW = ("vitis-run", "small_hls/solution1/syn/report", "--mode hls --tcl build.tcl")


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    return small().write(tmp_path / "runs" / "study" / "picks" / "fast" / "project")


def stand_in(tmp_path: Path, name: str, script: str) -> str:
    """A PATH with a tool of that name, and the shell."""
    tool = tmp_path / "bin" / name
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}")
    tool.chmod(0o755)
    return str(tool.parent)


def synth(*arguments: str | Path, path: str) -> Result:
    command = ["synth", *map(str, arguments)]
    return CliRunner().invoke(cli, command, env={**os.environ, "PATH": path})


@pytest.mark.parametrize(("tool", "folder", "called"), [OLD, NEW])
def test_the_tool_that_is_there_is_run_and_its_reports_are_read(
    tool: str, folder: str, called: str, tmp_path: Path, project: Path
) -> None:
    report = tmp_path / "csynth.xml"
    report.write_text(CSYNTH)
    stale = project / folder
    stale.mkdir(parents=True)
    (stale / "csynth.xml").write_text("of another run")
    script = f'echo "$@" > called\nmkdir -p {folder}\ncp {report} {folder}/csynth.xml\n'
    path = stand_in(tmp_path, tool, script)
    result = synth(tmp_path / "runs" / "study" / "fast", "--json", path=path)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert (found["top"], found["lut"]) == ("qnas_top", 7890)
    assert json.loads((project / "measurements.json").read_text()) == [found]
    assert (project / "called").read_text().startswith(called)


def test_a_pick_with_its_plan_beside_the_project_is_found(project: Path) -> None:
    pick = project.parent
    (pick / "plan.json").write_bytes((project / "plan.json").read_bytes())
    assert find_project(pick) == find_project(project) == project


def test_without_a_tool_it_says_what_to_run(tmp_path: Path, project: Path) -> None:
    result = synth(project, path=str(tmp_path))
    assert result.exit_code == 2
    assert "`vitis_hls -f build.tcl`" in result.stderr
    assert "`vitis-run --mode hls --tcl build.tcl`" in result.stderr
    assert f"qnas measurements {project}" in result.stderr
    assert not (project / "measurements.json").exists()


def test_a_tool_that_fails_is_shown(tmp_path: Path, project: Path) -> None:
    path = stand_in(tmp_path, "vitis_hls", "echo ERROR: no license >&2\nexit 3\n")
    result = synth(project, path=path)
    assert result.exit_code == 2
    assert "status 3" in result.stderr and "no license" in result.stderr
    path = stand_in(tmp_path, "vitis_hls", "exit 0\n")
    assert "must leave reports" in synth(project, path=path).stderr


def test_the_newer_command_is_preferred_and_an_old_v_plus_plus_is_left_alone(
    tmp_path: Path, project: Path
) -> None:
    """`v++` knows no HLS before 2023.1, where it lies beside vitis_hls."""
    for name in ("v++", "vitis_hls", "vitis-run"):
        path = stand_in(tmp_path, name, f"echo {name} > called\n")
    synth(project, path=path)
    assert (project / "called").read_text() == "vitis-run\n"
    (tmp_path / "bin" / "vitis-run").unlink()
    synth(project, path=path)
    assert (project / "called").read_text() == "vitis_hls\n"


def test_what_is_no_project_is_refused(tmp_path: Path, project: Path) -> None:
    (project / "build.tcl").unlink()
    for place, says in ((tmp_path, "got nothing"), (project, "without build.tcl")):
        result = synth(place, path=str(tmp_path))
        assert result.exit_code == 2 and says in result.stderr
