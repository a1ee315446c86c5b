"""`qnas measure --kernel`: what is printed of a synthesis."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnas._util.serialization import encode, write_json
from qnas.accel.rtl.synthesize import yosys_version
from qnas.cli.main import cli
from tests.accel.rtl.kernel.test_kernel import least


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_json(tmp_path / "plan.json", encode(least().plan))
    return tmp_path


def test_without_yosys_the_message_says_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("qnas.accel.rtl.synthesize.version", missing)
    arguments = ["measure", "--kernel", str(project), "--cache", str(project / "cache")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "pip install 'qnas-fpga[measure]'" in result.stderr


@pytest.mark.slow
@pytest.mark.full
def test_a_kernel_is_what_its_plan_says_in_dsps(project: Path) -> None:
    arguments = ["measure", "--kernel", str(project), "--cache", str(project / "cache")]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    (file,) = (project / "cache").glob("kernel-*.json")
    found = json.loads(file.read_text())
    plan = least().plan
    dsps = [unit for unit in found["units"] if unit["dsp"]]
    array = next(unit for unit in dsps if unit["unit"] == "packed_lane")
    f = plan.folding
    assert array["instances"] == (f.tm - f.lut_slots) // 2 * ((f.tt + 1) // 2)
    assert array["dsp"] == array["instances"] * f.tk
    assert f"{found['total']['dsp']:,}" in result.stdout
    assert found["levels"] == len([cell for cell in found["path"] if "(LUT" in cell])
    assert found["tools"] == yosys_version()
    again = CliRunner().invoke(cli, arguments)
    assert again.stdout == result.stdout
