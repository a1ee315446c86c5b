"""The project's Makefile: every target ends with a status that says whether it worked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.accel.hls.test_synthesis import stand_in
from tests.accel.projects import small


def make(project: Path, target: str, *, path: str | None = None) -> int:
    done = subprocess.run(
        ["make", "-s", target, "CXXFLAGS=-O0"],
        cwd=project,
        capture_output=True,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
    )
    return done.returncode


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    return small().write(tmp_path / "small")


def test_a_mismatch_and_a_source_that_does_not_compile_fail(project: Path) -> None:
    vectors = project / "data" / "vectors.bin"
    assert make(project, "check") == 0
    content = vectors.read_bytes()
    vectors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert make(project, "check") != 0
    (project / "src" / "qnas_top.cpp").write_text("not C++\n")
    assert make(project, "check") != 0
    assert make(project, "sim") != 0


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("tool", ["vitis-run", "vitis_hls"])
def test_hls_runs_what_is_installed_and_passes_its_status_on(
    tool: str, status: int, tmp_path: Path, project: Path
) -> None:
    path = f"{stand_in(tmp_path, tool, f'echo $@ > called; exit {status}')}:/usr/bin:/bin"
    assert (make(project, "hls", path=path) == 0) is (status == 0)
    assert "build.tcl" in (project / "called").read_text()


def test_hls_without_a_tool_fails(project: Path) -> None:
    assert make(project, "hls", path="/usr/bin:/bin") != 0
