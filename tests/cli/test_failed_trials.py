"""Failed trials are visible: on the console, in the manifest and in the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.tiny_study import TINY_SPACE, qnas, study

OBJECTIVE = """
import sys
from qnas import FunctionObjective

def spent(candidate):
    if {condition}:
        sys.exit("out of paper")
    return float(candidate.estimate.cycles)

SPENT = FunctionObjective("spent", "sheets", "minimize", spent)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failed")
    text = study(search={"trials": 8, "population": 4, "stop_after": 5}, space=TINY_SPACE)
    wanted = 'objectives = ["error", "latency", "own.py:SPENT"]\n'
    (folder / "study.toml").write_text(wanted + text)
    (folder / "own.py").write_text(OBJECTIVE.format(condition="False"))
    result = qnas("train", folder)
    assert result.exit_code == 0, result.output
    return folder


def searched(trained: Path, runs: Path, *, condition: str) -> tuple[Result, dict[str, Any]]:
    """The result of a search in a copy of the run whose objective ends the program under
    `condition`, and what the manifest says of it."""
    shutil.copytree(trained / "runs", runs)
    (trained / "own.py").write_text(OBJECTIVE.format(condition=condition))
    result = qnas("search", trained, "--runs", str(runs))
    manifest: Any = json.loads((runs / "tiny/manifest.json").read_text())
    return result, manifest["stages"].get("search", {})


def test_some_failures_are_counted_with_the_first_reason(trained: Path, tmp_path: Path) -> None:
    condition = "candidate.architecture.depth == 1"
    result, facts = searched(trained, tmp_path / "runs", condition=condition)
    assert result.exit_code == 0, result.output
    reason = "objective: SystemExit: out of paper"
    assert facts["first_failure"] == reason and facts["failed_trials"] > 0
    count = facts["failed_trials"]
    said = f"{count} trials failed" if count > 1 else "1 trial failed"
    assert f"{said}; the first: {reason}" in " ".join(result.stdout.split())
    assert qnas("report", trained, "--runs", str(tmp_path / "runs")).exit_code == 0
    page = (tmp_path / "runs/tiny/report.html").read_text(encoding="utf-8")
    assert f"{said}; the first: {reason}" in page


def test_a_search_in_which_all_trials_fail_is_an_error(trained: Path, tmp_path: Path) -> None:
    result, facts = searched(trained, tmp_path / "runs", condition="True")
    assert result.exit_code == 2
    assert "stops after 5 failed trials in a row; got objective: SystemExit" in result.stderr
    assert facts == {"failed_trials": 5, "first_failure": "objective: SystemExit: out of paper"}
    assert not (tmp_path / "runs/tiny/front.csv").exists()


def test_a_search_without_failures_says_nothing_of_them(trained: Path, tmp_path: Path) -> None:
    result, facts = searched(trained, tmp_path / "runs", condition="False")
    assert result.exit_code == 0 and facts == {}
    assert "failed; the first" not in result.stdout
