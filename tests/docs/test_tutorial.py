"""The tutorial, followed from the first command to the last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, follow


@pytest.mark.slow
def test_the_tutorial_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert follow(DOCS / "tutorial.md", tmp_path) >= 10
    summary = json.loads((tmp_path / "runs/tutorial/summary.json").read_text())
    assert {pick["name"] for pick in summary["picks"]} == {"knee", "fps20000"}
    for pick in summary["picks"]:
        assert pick["verification"]["mismatches"] == 0 < pick["verification"]["values"]
        assert pick["accuracy"]["hls"] == pick["accuracy"]["integer"] > 0.5
