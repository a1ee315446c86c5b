"""A finished run that the tests of the command line share; a test that harms it takes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.tiny_study import PIPELINE, qnas


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "study.toml").write_text(PIPELINE)
    result = qnas("run", folder)
    assert result.exit_code == 0, result.output
    assert "0 mismatches" in result.stdout
    return folder
