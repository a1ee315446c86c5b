"""A stranger's package adds a board, an objective and a space: the one that the how-to shows,
installed by pip, seen by new processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, follow

PIP = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the how-to's files are, and `site`, where its package is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    follow(DOCS / "howto/plugin.md", folder)
    _python(folder, "-m", *PIP, "--target", "site", "./acme")
    return folder


def _python(folder: Path, *arguments: str) -> str:
    path = os.pathsep.join((str(folder / "site"), str(ROOT)))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _qnas(folder: Path, *arguments: str) -> str:
    return _python(folder, "-m", "qnas", *arguments)


def test_what_it_adds_is_listed_and_a_study_uses_it(folder: Path) -> None:
    assert "acme_one" in _qnas(folder, "devices") and "acme_rows" in _qnas(folder, "objectives")
    assert "acme_small" in _qnas(folder, "spaces")
    said = _qnas(folder, "check", "acme.toml")
    assert "acme_small on acme_one at 100 MHz" in said and "can be satisfied" in said


def test_it_passes_the_contract_suites(folder: Path) -> None:
    said = _python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "acme/test_acme.py")
    assert "13 passed" in said


@pytest.mark.slow
def test_a_search_optimises_and_records_it(folder: Path) -> None:
    for stage in ("train", "search"):
        _qnas(folder, stage, "acme.toml")
    header, *rows = (folder / "runs/acme/front.csv").read_text().splitlines()
    place = header.split(",").index("acme_rows")
    assert rows and all(float(row.split(",")[place]) >= 0 for row in rows)
    assert (
        json.loads((folder / "runs/acme/manifest.json").read_text())["device"]["name"] == "acme_one"
    )
