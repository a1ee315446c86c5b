from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qnas.cli.main import COMMANDS, cli

GOOD = """
name = "mine"
space = "digits"
data = "digits"
device = "zcu102"
"""


def qnas(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    script = """
import sys
from qnas.cli.main import cli
try:
    cli(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"torch", "optuna", "numpy", "pydantic", "plotly", "rich", "sklearn", "moocore"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, line in COMMANDS:
        assert name in done.stdout
        assert line.split()[0] in done.stdout


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS])
def test_every_command_has_help_under_its_own_name(name: str) -> None:
    result = qnas(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {name} ")


@pytest.mark.parametrize(
    ("command", "says"), [("devices", "zcu102"), ("spaces", "digits"), ("objectives", "latency")]
)
def test_lists(command: str, says: str) -> None:
    result = qnas(command)
    assert result.exit_code == 0
    assert says in result.stdout


BAD = {
    "unknown key": (GOOD + "sede = 1", "Did you mean 'seed'?"),
    "wrong type": (GOOD + 'seed = "one"', "seed"),
    "unknown space": (GOOD.replace('space = "digits"', 'space = "digit"'), "'digits'"),
    "unknown device": (GOOD.replace("zcu102", "zcu12"), "'zcu102'"),
    "unknown objective": (GOOD + 'objectives = ["error", "latncy"]', "'latency'"),
    "not TOML": ("name = ", "TOML"),
}


@pytest.mark.parametrize("command", ["run", "train"])
@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_message_status_2_and_no_file(
    case: str, command: str, tmp_path: Path
) -> None:
    text, says = BAD[case]
    study = tmp_path / "study.toml"
    study.write_text(text)
    result = qnas(command, study, "--runs", tmp_path / "runs")
    assert result.exit_code == 2
    assert result.stderr.startswith("qnas: ")
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["search", "report", "export", "verify"])
def test_a_stage_before_the_one_it_stands_on(command: str, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(GOOD)
    result = qnas(command, study, "--runs", tmp_path / "runs")
    assert result.exit_code == 2
    assert "qnas train" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_an_absent_file(tmp_path: Path) -> None:
    result = qnas("run", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "none.toml" in result.stderr
