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
        accuracy = pick["accuracy"]
        assert (accuracy["images"], accuracy["simulated_images"]) == (360, 40)
        assert abs(accuracy["integer"] - accuracy["fake_quant"]) < 0.02 and accuracy["hls"] > 0.5
