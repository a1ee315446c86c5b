"""Which passes train: said where they are not the compiled ones, and recorded either way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnas.supernet.cpu import native
from tests.cli.tiny_study import TINY_SPACE, qnas, study


@pytest.mark.parametrize("reason", ["", "no g++"])
def test_what_computes_the_quantizers_is_said_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason:
        monkeypatch.setattr(native, "why_not", lambda: reason)
    elif native.why_not():
        pytest.skip("no passes here")
    text = study(space=TINY_SPACE, search={"trials": 2, "population": 2})
    (tmp_path / "study.toml").write_text(text)
    done = qnas("train", tmp_path)
    assert done.exit_code == 0, done.output
    assert ("computed by torch's operators" in done.output) == bool(reason)
    assert f"({reason})" in done.output or not reason
    manifest = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())
    assert manifest["stages"]["train"]["passes"] == ("torch" if reason else "compiled")
