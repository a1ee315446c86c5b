"""Projects and their reports become a calibration file, read back and fitted anew."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from qnas._util.serialization import write_json
from qnas.accel.calibration.designs import (
    MeasuredDesign,
    MeasuredDesigns,
    Setup,
    read_designs,
)
from qnas.accel.calibration.file import CalibrationFile, fit, read_calibration
from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.estimate import Resources
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.cli.calibrate import command
from qnas.errors import CheckpointError, ConfigError, ReportError
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


def _implement(folder: Path, *, lut: float) -> None:
    """What Vivado made of the project in `folder`: `lut` times the LUTs of HLS's report."""
    text = (folder / "csynth.xml").read_text()
    said = {
        name: int(re.findall(rf"<{name}>(\d+)<", text)[0])
        for name in ("BRAM_18K", "DSP", "FF", "LUT")
    }
    said["LUT"] = round(lut * said["LUT"])
    resources = "".join(f"<{name}>{value}</{name}>" for name, value in said.items())
    clock = re.findall(r"<TargetClockPeriod>.*</TargetClockPeriod>", text)[0]
    (folder / "export_impl.xml").write_text(
        f"""<profile><RunData><RUN_TYPE>impl</RUN_TYPE></RunData><GeneralInfo>
        <item NAME="Target Device" VALUE="{zcu102().part}"/></GeneralInfo>
        <TimingReport>{clock}</TimingReport>
        <AreaReport><Resources>{resources}</Resources></AreaReport></profile>"""
    )


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
        found = {
            name: calibration.range_of(name, getattr(design.estimated, name))
            for name in ("lut", "dsp")
        }
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


def test_a_stage_after_the_other(tmp_path: Path) -> None:
    """Every project has HLS's report, whose LUTs swing about 1.5 times the estimate; the first six
    were implemented, at 0.6 times what HLS said: the chain is right about a design left out."""
    for i in range(12):
        _project(tmp_path / f"p{i:02}", 2 * i + 2, lut=(1.3, 1.7)[i % 2])
    for i in range(6):
        _implement(tmp_path / f"p{i:02}", lut=0.6)
    found = read_designs(tmp_path)
    assert (found.stage, len(found.predicted), len(found.designs)) == ("implemented", 6, 12)
    fitted = fit(found)
    assert (
        fitted.estimators[0] in ("factor", "chain")
        and fitted.after[0] < 0.2 < fitted.before[0] + 0.2
    )
    step = np.exp(fitted.shift[0])
    assert 0.6 * 1.3 < step < 0.6 * 1.7
    write_json(tmp_path / "board.json", CalibrationFile(found))
    assert read_calibration(tmp_path / "board.json")[1].estimators == fitted.estimators


def _vivado(folder: Path) -> None:
    """What a project of Vivado leaves beside HLS's report: no file of it tells everything."""
    text = (folder / "csynth.xml").read_text()
    said = {name: re.findall(rf"<{name}>(\d+)<", text)[0] for name in ("DSP", "FF", "LUT")}
    head = (
        "| Tool Version : Vivado v.2023.2 (lin64)\n| Command : {command} -file a.rpt\n"
        "| Design : wrapper\n| Device : {part}\n| Design State : {state}\n\n"
    )
    rule, row = "+---+---+\n", "| {} | {} |\n".format
    rows = (("CLB LUTs", "LUT"), ("CLB Registers", "FF"), ("DSPs", "DSP"))
    table = "".join(row(site, said[name]) for site, name in rows) + row("Block RAM Tile", "7.5")
    sites = f"{rule}{row('Site Type', 'Used')}{rule}{table}{rule}"
    clocks = f"{rule}{row('Site Type', 'Used')}{rule}{row('BUFGCE', '1')}{rule}"
    boxes = f"\n5. Black Boxes\n---\n{rule}{row('Ref Name', 'Used')}{rule}{row('top_0', '1')}{rule}"
    timing = (
        "| Design Timing Summary\n| ---\n\n    WNS(ns)\n    -----\n     0.250\n\n"
        "| Clock Summary\n| ---\n\nClock  Waveform(ns)  Period(ns)  Frequency(MHz)\n"
        "clk    {0.000 3.333}  6.667  150.000\n\n| Intra Clock Table\n| ---\n"
    )
    for name, tool, part, state, body in (
        (
            "synth_1/w_utilization_synth",
            "report_utilization",
            "zu9egffvb1156-2",
            "Synthesized",
            sites + boxes,
        ),
        ("impl_1/w_utilization_placed", "report_utilization", "zu9egffvb1156-2", "Placed", sites),
        ("impl_1/w_clock_utilization", "report_clock_utilization", "zu9eg", "Routed", clocks),
        ("impl_1/w_timing_routed", "report_timing_summary", "zu9eg-ffvb1156", "Routed", timing),
    ):
        path = folder / "vivado/w.runs" / f"{name}.rpt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head.format(command=tool, part=part, state=state) + body)


def test_a_project_of_vivado_teaches_though_no_file_of_it_tells_everything(tmp_path: Path) -> None:
    """Clock from the timing summary, part without `xc`; black boxes and damage hide nothing."""
    _projects(tmp_path, 5)
    for i in range(5):
        _vivado(tmp_path / f"p{i}")
    (tmp_path / "p3/export_impl.xml").write_text("<profile><AreaReport>")
    remarks: list[str] = []
    found = read_designs(tmp_path, remark=remarks.append)
    assert (found.stage, len(found.predicted)) == ("implemented", 5)
    assert found.setup.clock_target_ns == 6.667
    assert all(d.built and d.hls and d.built.lut == d.hls.lut for d in found.designs)
    assert all(d.built and d.built.bram18 == 15 for d in found.designs)
    (remark,) = remarks
    assert "p3/export_impl.xml" in remark


def test_of_few_implementations_hls_is_foretold(tmp_path: Path) -> None:
    _projects(tmp_path, 6)
    _implement(tmp_path / "p0", lut=0.5)
    found = read_designs(tmp_path)
    assert (found.stage, len(found.predicted)) == ("hls", 6)
    assert fit(found).estimators[0] == "factor"


def test_a_cheap_first_stage_teaches_the_last(tmp_path: Path) -> None:
    """Five designs were implemented; two of them and twenty others tell what HLS does."""
    rng = np.random.default_rng(0)
    estimates = rng.integers(2_000, 90_000, 25)
    designs = []
    for i, lut in enumerate(map(int, estimates)):
        hls = Resources(lut=round(lut * 1.5 * np.exp(rng.normal(0, 0.2))))
        built = Resources(lut=round(0.6 * hls.lut)) if i < 6 else None
        designs.append(MeasuredDesign(f"{i:02}", f"r{i}", Resources(lut=lut), hls, built))
    setup = Setup("Vivado", "implemented", "xczu9eg", 5.0)
    found = fit(MeasuredDesigns(setup, tuple(designs)))
    assert abs(found.shift[0] - np.log(0.9)) < 0.15
    assert found.half[0] > 0.2, "six designs tell little: Student's t"


@pytest.mark.parametrize("upper", [False, True])
def test_limits_of_predictions_are_limits_of_estimates(tmp_path: Path, upper: bool) -> None:
    for i in range(6):
        _project(tmp_path / f"p{i}", 2 * i + 2, lut=1.4 + 0.05 * i)
    found = fit(read_designs(tmp_path))
    (limit,) = found.limits({"lut": 50_000}, upper=upper).values()
    for amount, fits in ((limit, True), (limit + 1, False)):
        predicted = found.range_of("lut", amount)
        assert ((predicted.high if upper else predicted.value) <= 50_000) == fits
    assert found.limits({"uram": 96}, upper=upper) == {"uram": 96}
