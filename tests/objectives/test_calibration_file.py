"""Projects and their reports become a calibration file, read back and fitted anew."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from qnas.accel.folding import Folding
from qnas.accel.lower import lower
from qnas.cli.calibrate import command
from qnas.errors import CheckpointError, ConfigError, ReportError
from qnas.objectives.calibration.designs import read_designs
from qnas.objectives.calibration.file import read_calibration
from qnas.objectives.cost.analytic import estimate
from qnas.serial import write_json
from tests.accel.designs import tiny, zcu102

REPORT = """<profile><ReportVersion><Version>2023.2</Version></ReportVersion>
<UserAssignments><unit>ns</unit><Part>{part}</Part><TopModelName>qnas_top</TopModelName>
<TargetClockPeriod>{clock:.2f}</TargetClockPeriod></UserAssignments>
<AreaEstimates><Resources><BRAM_18K>{bram18}</BRAM_18K><DSP>{dsp}</DSP><FF>{ff}</FF>
<LUT>{lut}</LUT></Resources></AreaEstimates></profile>
"""


def _project(
    folder: Path, tm: int, *, part: str = "", clock_ns: float = 0, lut: float = 1.5
) -> int:
    """A plan and its report: `lut` times the LUTs, all else as estimated. Returns the estimate."""
    plan = lower(tiny(), zcu102(), Folding(tm=tm, tt=2, tk=2, vl=2, lut_slots=0, drain_pairs=1))
    write_json(folder / "plan.json", plan)
    found = estimate(plan).resources
    (folder / "csynth.xml").write_text(
        REPORT.format(
            part=part or zcu102().part,
            clock=clock_ns or 1e3 / plan.clock_mhz,
            bram18=found.bram18,
            dsp=found.dsp,
            ff=found.ff,
            lut=round(lut * found.lut),
        )
    )
    return found.lut


def _projects(folder: Path, count: int = 6) -> list[int]:
    return [_project(folder / f"p{i}", 2 * i + 2) for i in range(count)]


def test_reports_become_a_file_that_is_fitted_anew(tmp_path: Path) -> None:
    luts = _projects(tmp_path / "runs")
    out = tmp_path / "board.json"
    done = CliRunner().invoke(command, ["--reports", str(tmp_path / "runs"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text())["measurements"]["setup"]["stage"] == "hls"
    measurements, calibration = read_calibration(out)
    assert measurements == read_designs(tmp_path / "runs")
    assert calibration.before[0] > 0.3 and calibration.after[0] < 0.01
    for design in measurements.designs:
        found = calibration.predict(design.estimated)
        assert np.isclose(found["lut"].value, 1.5 * design.estimated.lut, rtol=0.01)
        assert found["lut"].low <= found["lut"].value <= found["lut"].high
        assert np.isclose(found["dsp"].value, design.estimated.dsp)
    assert {d.estimated.lut for d in measurements.designs} == set(luts)


def test_too_few_other_parts_other_clocks_and_contradictions_are_refused(tmp_path: Path) -> None:
    _projects(tmp_path, 4)
    with pytest.raises(ConfigError, match="5 plans at least"):
        read_designs(tmp_path)
    _project(tmp_path / "p4", 10, part="xc7z020clg484-1")
    with pytest.raises(ConfigError, match="must be of the part of its plan"):
        read_designs(tmp_path)
    _project(tmp_path / "p4", 10, clock_ns=3.0)
    with pytest.raises(ConfigError, match="must be for the clock of its plan"):
        read_designs(tmp_path)
    _project(tmp_path / "p4", 10)
    assert len(read_designs(tmp_path).designs) == 5
    _project(tmp_path / "p5", 10, lut=2.0)
    with pytest.raises(ConfigError, match="their plans are equal"):
        read_designs(tmp_path)


def test_damage_is_named(tmp_path: Path) -> None:
    _projects(tmp_path / "runs", 5)
    report = tmp_path / "runs/p2/csynth.xml"
    report.write_text(report.read_text()[:200])
    with pytest.raises(ReportError, match=r"p2/csynth\.xml"):
        read_designs(tmp_path / "runs")
    (tmp_path / "board.json").write_text('{"measurements": ')
    with pytest.raises(CheckpointError):
        read_calibration(tmp_path / "board.json")
