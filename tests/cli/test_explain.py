from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qnas._util.serialization import write_json
from qnas.cli.main import cli
from qnas.spaces import load_space


@pytest.fixture
def arch(tmp_path: Path) -> Path:
    path = tmp_path / "arch.json"
    write_json(path, load_space("digits").smallest().to_json())
    return path


def explain(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


def test_tables_and_page_of_an_architecture(arch: Path, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    result = explain("--arch", arch, "--device", "zcu104", "--dsp-share", "0.5", "--html", page)
    assert result.exit_code == 0, result.output
    for words in ("Cycles by kind of stage", "softmax", "Resources by unit", "limit of a plan"):
        assert words in result.stdout
    assert "C++ kernel, modelled" in result.stdout and "(model)" in result.stdout
    assert re.search(r"\n  free 8-bit rows \w", result.stdout)
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "either RUN/PICK, or --arch"),
        (("--arch", "ARCH"), "either RUN/PICK, or --arch"),
        ((".", "--arch", "ARCH", "--device", "zcu102"), "got both"),
        (("--arch", "none.json", "--device", "zcu102"), "none.json"),
        (("--arch", "ARCH", "--device", "zcu12"), "Did you mean 'zcu102'?"),
        (("--arch", "ARCH", "--device", "zcu102", "--dsp-share", "0"), "dsp_share"),
        ((".",), "must be a study"),
    ],
)
def test_bad_input_is_a_message_and_status_2(
    arguments: tuple[str, ...], says: str, arch: Path
) -> None:
    result = explain(*(str(arch) if word == "ARCH" else word for word in arguments))
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output
