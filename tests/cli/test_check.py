from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from qnas.cli.main import cli

STUDY = """
name = "mine"
space = "digits"
data = "digits"
device = "pynq_z2"
"""


def check(folder: Path, text: str) -> Result:
    path = folder / "study.toml"
    path.write_text(text)
    return CliRunner().invoke(cli, ["check", str(path)])


def test_a_study_that_can_be_satisfied(tmp_path: Path) -> None:
    result = check(tmp_path, STUDY + "fps_targets = [100, 5000]")
    assert result.exit_code == 0
    assert "`mine` can be satisfied" in result.stdout
    for word in ("smallest", "middle", "largest", "DSP / limit", "reaches 5,000 FPS", "binds"):
        assert word in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]  # nothing is written


def test_a_target_out_of_reach_is_status_2_with_the_table_and_a_remedy(tmp_path: Path) -> None:
    result = check(tmp_path, STUDY + "fps_targets = [1000000]")
    assert result.exit_code == 2
    assert "reaches 1,000,000 FPS" in result.stdout
    assert "Choose at most" in result.stderr
    assert "Traceback" not in result.output


def test_a_misspelt_key_is_status_2(tmp_path: Path) -> None:
    result = check(tmp_path, STUDY + "fps_target = [1]")
    assert result.exit_code == 2
    assert "Did you mean 'fps_targets'?" in result.stderr
