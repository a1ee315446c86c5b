"""The wheel has what the checkout has: every file of the package is one that setuptools takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from qnas._util.serialization import canonical_json
from qnas.spaces import load_space

ROOT = Path(__file__).resolve().parents[1]


def test_every_file_that_is_not_python_is_package_data() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["qnas"]
    files = [
        path.relative_to(ROOT / "qnas")
        for path in sorted((ROOT / "qnas").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    left_out = [
        file
        for file in files
        if not (file.suffix == ".py" and _is_package(file))
        and not any(_takes(pattern, file) for pattern in patterns)
    ]
    assert len(files) > 200 and left_out == []


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `site` holds what a wheel of the checkout installs."""
    tmp_path = tmp_path_factory.mktemp("wheel")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "qnas", source / "qnas", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    _python(tmp_path, "-m", "pip", "wheel", *offline, "--wheel-dir", "wheels", "./source")
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    _python(tmp_path, "-m", "pip", "install", *offline, "--target", "site", str(wheel))
    return tmp_path


@pytest.mark.slow
def test_what_is_installed_from_a_wheel_works_without_the_checkout(installed: Path) -> None:
    tmp_path = installed
    (tmp_path / "net.json").write_text(canonical_json(load_space("digits").smallest()))

    def qnas(*arguments: str) -> str:
        return _python(tmp_path, "-m", "qnas", *arguments)

    where = _python(tmp_path, "-c", "import qnas; print(qnas.__file__)")
    assert Path(where.strip()).is_relative_to(tmp_path / "site")
    assert "`tutorial` can be satisfied" in qnas("check", "tutorial")
    assert "zcu102" in qnas("devices") and "digits" in qnas("spaces")
    assert "kv260" in qnas("explain", "--arch", "net.json", "--device", "kv260")
    assert qnas("measure", "--list")
    _python(tmp_path, "-c", EMIT)
    make = ("make", "-s", "-C", str(tmp_path / "project"), "check", "CXXFLAGS=-O0")
    assert "0 mismatches" in subprocess.run(make, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_a_study_runs_from_the_wheel_from_images_to_a_verified_project(installed: Path) -> None:
    (installed / "small.toml").write_text(STUDY)
    said = _python(installed, "-m", "qnas", "run", "small.toml")
    assert "projects are verified" in said or "Verified accelerators" in said
    run = installed / "runs/small"
    assert (run / "report.html").is_file() and (run / "front.csv").is_file()
    (pick,) = json.loads((run / "summary.json").read_text())["picks"]
    assert pick["verification"]["mismatches"] == 0 < pick["verification"]["images"]


STUDY = """
name = "small"
space = "digits"
data = "digits"
device = "zcu102"
verify_images = 2
[search]
trials = 4
population = 2
[train]
epochs = 1
"""

EMIT = """
from pathlib import Path
import numpy as np
from qnas.accel.device import load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.hls.emit.project import emit_project
from qnas.accel.folding_search.search import best_plan
from qnas.testing.random_network import random_network
from qnas.spaces import load_space
net, board = load_space("digits").smallest(), load_device("kv260")
files = emit_project(
    [KernelNetwork(random_network(net, 0), best_plan(net, board)[0], "small")],
    name="small",
    images=np.zeros((1, 1, 8, 8), np.float32),
    labels=np.zeros(1, np.int64),
    device=board,
)
files.write(Path("project"))
"""


def _python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _is_package(file: Path) -> bool:
    """Whether setuptools finds `file` as code: all folders down to it are packages."""
    folders = list(file.parents)[:-1]
    return all((ROOT / "qnas" / folder / "__init__.py").exists() for folder in folders)


def _takes(pattern: str, file: Path) -> bool:
    name = PurePosixPath(file).as_posix()
    return fnmatch(name, pattern) or fnmatch(name, pattern.removeprefix("**/"))
