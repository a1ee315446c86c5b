"""build.tcl and vivado.tcl run through, say what fails, and end with a status that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnas.accel.device import device_names, load_device
from tests.accel.hls.test_project import on
from tests.accel.hls.tools import needs_tclsh, run_script
from tests.accel.projects import small

pytestmark = needs_tclsh
ZYNQS = [name for name in device_names() if load_device(name).family.startswith("zynq")]
STEPS = ["csim_design", "csynth_design", "export_design"]
BOARDS = {"zcu102": "xilinx.com:zcu102:part0:3.4", "pynq_z2": "tul.com.tw:pynq-z2:part0:1.0"}


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    return small().write(tmp_path / "small")


@pytest.fixture()
def packaged(project: Path) -> Path:
    """A project whose IP is there."""
    assert run_script(project, "build.tcl").status == 0
    return project


@pytest.mark.parametrize("name", device_names())
def test_every_board_is_built_from_sources_to_package(name: str, tmp_path: Path) -> None:
    ports = load_device(name).most_weight_ports
    project = on(name, weight_ports=ports).write(tmp_path / "project")
    built = run_script(project, "build.tcl", COSIM="1")
    assert (built.status, built.printed) == (0, "")
    assert [c for c in built.commands if c.endswith("_design")] == [
        *("csim_design", "csynth_design", "cosim_design", "export_design"),
    ]
    if name not in ZYNQS:
        assert (project / "qnas_top.xo").is_file()
        return
    system = run_script(project, "vivado.tcl", BOARD=BOARDS.get(name, "vendor:other:part0:1"))
    assert system.status == 0, system.printed
    assert ("knows no board" in system.printed) is (name not in BOARDS)
    assert (project / "small.bit").is_file() and (project / "small.hwh").is_file()
    reports = {"utilization.rpt", "utilization_by_instance.rpt", "timing_summary.rpt"}
    assert {path.name for path in (project / "reports").iterdir()} == reports


def test_simulation_can_be_left_out(project: Path) -> None:
    assert "csim_design" not in run_script(project, "build.tcl", CSIM="0").commands
    assert "cosim_design" not in run_script(project, "build.tcl", COSIM="0").commands


def test_cascades_by_intrinsics_where_the_release_has_them(project: Path) -> None:
    def flags(**environment: str) -> list[int]:
        found = run_script(project, "build.tcl", **environment)
        assert found.status == 0
        files = [call for call in found.calls if call.startswith("add_files")]
        return [call.count("-DQNAS_DSP_BUILTINS") for call in files]

    assert flags() == flags(DSP_BUILTINS="0") == [0, 0]
    new = "/tools/Xilinx/Vitis_HLS/2023.2"
    assert flags(DSP_BUILTINS="1", XILINX_HLS=new) == [2, 0], "synthesis and simulation"
    old = run_script(project, "build.tcl", DSP_BUILTINS="1")
    assert old.status == 1 and "DSP_BUILTINS must be 0 before 2023.2" in old.printed


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_is_the_last_one_and_the_status_says_so(step: str, project: Path) -> None:
    found = run_script(project, "build.tcl", FAIL=step)
    assert found.status == 1 and f"ERROR: build.tcl: {step} failed" in found.printed
    assert found.commands[-1] == step


def test_a_package_that_is_not_there_is_a_failure(project: Path, tmp_path: Path) -> None:
    found = run_script(project, "build.tcl", NO_PACKAGE="1")
    assert found.status == 1 and "left no" in found.printed and "component.xml" in found.printed
    card = on("u250").write(tmp_path / "card")
    (card / "qnas_top.xo").write_text("of another run")
    found = run_script(card, "build.tcl", NO_PACKAGE="1")
    assert found.status == 1 and "qnas_top.xo" in found.printed


@pytest.mark.parametrize("release", ["2020.2", "2021.1", "2021.2"])
def test_releases_that_package_no_ip_are_refused_unless_patched(
    release: str, project: Path
) -> None:
    place = f"/opt/Xilinx/Vitis_HLS/{release}"
    found = run_script(project, "build.tcl", XILINX_HLS=place)
    assert found.status == 1 and found.commands == () and "76960" in found.printed
    assert run_script(project, "build.tcl", XILINX_HLS=place, AR76960="patched").status == 0


def test_other_releases(project: Path) -> None:
    old = run_script(project, "build.tcl", XILINX_HLS="/opt/2020.1", AR76960="patched")
    assert old.status == 1 and "must be 2022.1 or later; this is 2020.1" in old.printed
    for place in ("/tools/Xilinx/Vitis_HLS/2022.1", "/tools/Xilinx/2025.1/Vitis"):
        assert run_script(project, "build.tcl", XILINX_HLS=place).printed == ""
    unknown = run_script(project, "build.tcl", XILINX_HLS="/opt/vitis")
    assert unknown.status == 0 and "which release runs is unknown" in unknown.printed


@pytest.mark.parametrize(("slack", "name"), [("STATS.WNS", "setup"), ("STATS.WHS", "hold")])
def test_a_design_that_misses_its_clock_has_no_bitstream(
    slack: str, name: str, packaged: Path
) -> None:
    (packaged / "small.bit").write_text("of another run")
    found = run_script(packaged, "vivado.tcl", **{slack: "-0.25"})
    assert found.status == 1 and f"MHz are missed: {name} by 0.25 ns" in found.printed
    assert not (packaged / "small.bit").exists() and (packaged / "reports").is_dir()
    found = run_script(packaged, "vivado.tcl", ALLOW_NEGATIVE_SLACK="1", **{slack: "-0.25"})
    assert found.status == 0 and "may compute wrongly" in found.printed
    assert (packaged / "small.bit").is_file()


def test_a_slack_that_is_not_there_is_no_met_clock(packaged: Path) -> None:
    found = run_script(packaged, "vivado.tcl", **{"STATS.WNS": ""})
    assert found.status == 1 and "has no setup slack" in found.printed
    assert "write_bitstream" not in found.commands


def test_a_run_that_stops_half_way_is_a_failure(packaged: Path) -> None:
    found = run_script(packaged, "vivado.tcl", PROGRESS="40%", STATUS="place_design ERROR")
    assert found.status == 1 and "ended with: place_design ERROR" in found.printed
    assert "write_bitstream" not in found.commands


def test_without_the_ip_it_says_what_comes_first(project: Path) -> None:
    found = run_script(project, "vivado.tcl")
    assert found.status == 1 and "run build.tcl first" in found.printed


MUTANTS = {
    "unknown command": ("build.tcl", "csynth_design", "csynth", "unknown command csynth"),
    "unknown option": ("build.tcl", "-flow_target", "-target", "unknown option -target"),
    "unknown value": ("build.tcl", "-format ip_catalog", "-format ip", "one of ip_catalog xo"),
    "no number": ("build.tcl", "-period ", "-period fast -name ", "no period: fast"),
    "order": ("build.tcl", "    open_project -reset small_hls\n", "", "open_project comes first"),
    "no such folder": ("build.tcl", "-I$here/tb", "-I$here/bench", "bench does not exist"),
    "no such pin": ("vivado.tcl", "ps/pl_clk0] [get", "ps/pl_clk] [get", "a pin is not there"),
    "no such parameter": ("vivado.tcl", "PSU__USE__S_AXI_GP2", "PSU__USE__S_AXI2", "no parameter"),
    "no such width": ("vivado.tcl", "_WIDTH {128}", "_WIDTH {256}", "one of 32 64 128, got 256"),
    "no clock": ("vivado.tcl", " saxihp0_fpd_aclk", "", "ps/saxihp0_fpd_aclk is not connected"),
    "port left out": (
        "vivado.tcl",
        "    joined memory1 qnas_top_0/m_axi_gmem1 ps/S_AXI_HP1_FPD\n",
        "",
        "S_AXI_HP1_FPD is not connected",
    ),
    "taken twice": ("vivado.tcl", "ps/S_AXI_HP1_FPD", "ps/S_AXI_HP0_FPD", "is connected twice"),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_the_stubs_catch_what_the_tools_would_refuse(fault: str, packaged: Path) -> None:
    script, before, after, message = MUTANTS[fault]
    path = packaged / script
    text = path.read_text()
    assert before in text, "the text to break is not there any more"
    path.write_text(text.replace(before, after, 1))
    found = run_script(packaged, script)
    assert found.status == 1 and message in found.printed, found.printed
