from __future__ import annotations

from pathlib import Path

import pytest

from qnas.errors import StageOrderError
from qnas.studies.run.run_directory import RunDirectory, project_digest, sweep


def test_a_run_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with run.locked(), pytest.raises(StageOrderError, match="one qnas at a time"), run.locked():
        pass
    with run.locked():
        pass


def test_a_project_s_digest_sees_names_and_contents_of_what_was_emitted(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "plan.hpp"
    file.write_text("int a;")
    first = project_digest(tmp_path)
    file.write_text("int b;")
    changed = project_digest(tmp_path)
    file.rename(tmp_path / "src" / "tables.hpp")
    moved = project_digest(tmp_path)
    (tmp_path / "src" / "tables.hpp").rename(file)
    file.write_text("int a;")
    assert len({first, changed, moved}) == 3
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "csim").touch()
    assert project_digest(tmp_path) == first


def test_only_what_killed_writers_left_is_swept(tmp_path: Path) -> None:
    pick = tmp_path / "picks" / "knee"
    (pick / ".project.x1").mkdir(parents=True)
    (pick / ".project.x1" / "top.cpp").touch()
    leftovers = [tmp_path / ".front.csv.k2", tmp_path / ".checkpoint.safetensors.9"]
    kept = [tmp_path / ".gitignore", tmp_path / "front.csv", pick / "plan.json"]
    for path in (*leftovers, *kept):
        path.touch()
    sweep(RunDirectory(tmp_path))
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)
    assert not (pick / ".project.x1").exists()
