"""`qnas measure --kernel`: what is printed of a synthesis."""

from __future__ import annotations

import io
import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from qnas._util.serialization import encode, write_json
from qnas.accel.cost.rtl_kernel import UnitEstimate
from qnas.accel.rtl.kernel.synthesize import KernelSynthesis, UnitCounts
from qnas.accel.rtl.synthesize import Counts, yosys_version
from qnas.cli.main import cli
from qnas.cli.measure import kernel_table
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
    array = next(unit for unit in dsps if unit["unit"] == "array")
    f = plan.folding
    assert array["dsp"] == (f.tm - f.lut_slots) // 2 * ((f.tt + 1) // 2) * f.tk
    assert f"{found['total']['dsp']:,}" in result.stdout
    assert found["levels"] == len([cell for cell in found["path"] if "(LUT" in cell])
    assert found["tools"] == yosys_version()
    again = CliRunner().invoke(cli, arguments)
    assert again.stdout == result.stdout


FOUND = KernelSynthesis(
    total=Counts(lut=1300, lut_paired=1100, ff=400, dsp=8, bram18=2, uram=0),
    units=(
        UnitCounts("drain", 1, 300, 400, 0, 2, 0, 2),
        UnitCounts("array", 4, 1000, 0, 8, 0, 0, 1),
    ),
    levels=3,
    path=("a", "b"),
    tools="pyosys 0",
    digest="x",
)


def test_units_stand_beside_their_estimates_and_the_sum_below() -> None:
    text = io.StringIO()
    estimates = (UnitEstimate("array", 990, 5, 8), UnitEstimate("drain", 310, 390, bram18=2))
    Console(width=120, file=text).print(kernel_table("pick", FOUND, estimates))
    lines = text.getvalue().splitlines()
    array, drain, whole = (
        next(r for r in lines if f" {w} " in r) for w in ("array", "drain", "all")
    )
    assert lines.index(array) < lines.index(drain) < lines.index(whole)
    assert "1,000 [990]" in array and "8 [8]" in array
    assert "1,300 [1,300]" in whole and "400 [395]" in whole


def test_a_timeout_is_for_kernels_alone() -> None:
    result = CliRunner().invoke(cli, ["measure", "--timeout", "5"])
    assert result.exit_code == 2 and "--kernel" in result.stderr
