"""Whole runs of Vitis HLS, Vivado and v++: what one file lacks comes from its neighbours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnas.accel.reports import collect_reports, read_report
from qnas.accel.reports.measurement import same_part
from tests.accel.reports.folders import (
    HERE,
    LAT,
    OTHERS,
    PART,
    SITES,
    run,
    tree,
    vivado,
)
from tests.accel.reports.texts import COSIM, CSYNTH, EXPORT, TIMING, ULTRASCALE

SOLUTION = {
    "syn/report/csynth.xml": CSYNTH,
    "syn/report/csynth.rpt": (HERE / "csynth_2023.2.rpt").read_text(),
    "syn/report/csynth_design_size.xml": "<design_size/>",
    "syn/report/csynth_design_size.rpt": OTHERS["design size report"],
    "syn/report/qnas_top_csynth.xml": CSYNTH,
    "syn/report/qnas_top_csynth.rpt": (HERE / "dot_2022.2_csynth.rpt").read_text(),
    "sim/report/qnas_top_cosim.rpt": COSIM,
    "sim/report/verilog/lat.rpt": LAT,
    "sim/report/verilog/result.transaction.rpt": "transaction 0: 259 262\ntransaction 1: 250 0\n",
    "impl/report/verilog/export_impl.xml": EXPORT.replace("xc7z020-clg400-1", PART),
    "impl/report/verilog/export_impl.rpt": (HERE / "export_impl_2024.2.rpt").read_text(),
    "impl/verilog/report/top_utilization_routed.rpt": ULTRASCALE,
    "impl/verilog/report/top_timing_routed.rpt": TIMING,
    "impl/verilog/report/top_failfast_routed.rpt": OTHERS["fail-fast report"],
    "impl/verilog/report/top_status_routed.rpt": OTHERS["route status"],
    "impl/verilog/project.runs/impl_1/top_utilization_placed.rpt": ULTRASCALE,
    "impl/verilog/project.runs/impl_1/top_clock_utilization_routed.rpt": vivado(
        "report_clock_utilization", SITES
    ),
    "impl/verilog/project.runs/impl_1/top_power_routed.rpt": vivado("report_power"),
    "impl/verilog/project.runs/ip_0_synth_1/ip_0_utilization_synth.rpt": ULTRASCALE.replace(
        ": top", ": ip_0"
    ).replace("Routed", "Synthesized"),
    ".autopilot/db/qnas_top.verbose.rpt": "no report",
    "impl/ip/component.xml": "<component/>",
}

MEASURED = {  # file -> stage and what is known of it, its neighbours' part and clock too
    "export_impl.xml": ("implemented", 10.0, 75),
    "top_utilization_placed.rpt": ("implemented", 5.0, 12345),
    "top_timing_routed.rpt": ("implemented", 5.0, None),
    "top_utilization_routed.rpt": ("implemented", 5.0, 12345),
    "ip_0_utilization_synth.rpt": ("synthesized", None, 12345),  # an IP synthesized on its own
    "qnas_top_cosim.rpt": ("cosim", 6.67, None),
    "lat.rpt": ("cosim", 6.67, None),
    "result.transaction.rpt": ("cosim", 6.67, None),
    "csynth.xml": ("hls", 6.67, 7890),
}


def test_a_whole_solution_of_hls_after_implementation(tmp_path: Path) -> None:
    result = run(tree(tmp_path, SOLUTION))
    assert result.exit_code == 0, result.output
    found = {Path(m["source"]).name: m for m in json.loads(result.stdout)}
    assert set(found) == set(MEASURED)
    for name, (_, clock_ns, lut) in MEASURED.items():
        known = (found[name]["part"], found[name]["clock_target_ns"], found[name]["lut"])
        assert known == (PART, clock_ns, lut), name
    stages = {Path(m.source).name: m.stage for m in collect_reports([tmp_path]).measurements}
    assert stages == {name: stage for name, (stage, _, _) in MEASURED.items()}
    assert found["top_utilization_placed.rpt"]["clock_estimated_ns"] == 5.25
    assert found["lat.rpt"]["top"] == "qnas_top"
    for passed in ("csynth.rpt", "top_status_routed.rpt (route status)", "top_power_routed.rpt"):
        assert passed in result.stderr
    assert "verbose" not in result.stderr and "component" not in result.stderr


def test_a_project_of_vivado_whose_synthesis_knows_black_boxes(tmp_path: Path) -> None:
    black = (HERE / "utilization_black_box_2021.1.rpt").read_text()
    timing = TIMING.replace("xczu9eg-ffvb1156", "7z020-clg400").replace(": top", ": wrapper")
    flat = ULTRASCALE.replace(PART, "7z020clg400-1").replace(": top", ": wrapper")
    result = run(
        tree(
            tmp_path / "fir.runs",
            {
                "synth_1/wrapper_utilization_synth.rpt": black,
                "impl_1/wrapper_utilization_placed.rpt": flat,
                "impl_1/wrapper_timing_summary_routed.rpt": timing,
            },
        )
    )
    assert result.exit_code == 0, result.output
    found = {Path(m["source"]).name: m for m in json.loads(result.stdout)}
    synth = found["wrapper_utilization_synth.rpt"]
    assert all(synth[name] is None for name in ("lut", "ff", "dsp", "bram18", "uram"))
    assert "2 (design_1_ps7_0, design_1_fir_0_0)" in result.stderr
    assert found["wrapper_utilization_placed.rpt"]["clock_target_ns"] == 5.0
    assert found["wrapper_timing_summary_routed.rpt"]["part"] == "7z020clg400-1"


REGIONS = """1. SLR CLB Logic and Dedicated Block Utilization
------------------------------------------------
+-----------+------+------+
| Site Type | SLR0 | SLR1 |
+-----------+------+------+
| CLB LUTs  |  100 |   20 |
+-----------+------+------+
"""


def test_a_kernel_alone_is_the_design_of_its_report(tmp_path: Path) -> None:
    """To 2020 the table stood alone, LUTs first."""
    lines = (HERE / "kernel_util_routed.rpt").read_text().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("+--"))
    alone = [line for line in lines[start:] if "vadd" not in line]
    swapped = "".join(alone).replace("| REG  ", "| LUT_ ").replace("| LUT  ", "| REG  ")
    (tmp_path / "kernel_util_synthed.rpt").write_text(swapped.replace("| LUT_ ", "| LUT  "))
    (found,) = read_report(tmp_path / "kernel_util_synthed.rpt")
    assert (found.top, found.lut, found.ff, found.modules) == ("qnas_top", 36000, 24000, ())
    assert (found.stage, found.part) == ("synthesized", None)


def test_kernels_of_a_link_take_the_clock_of_the_design_that_they_are_in(tmp_path: Path) -> None:
    """Though several functions of HLS are in the run, none of which may speak for another."""
    summary = (HERE / "csynth_2023.2.rpt").read_text()
    files = {
        "a.hls_compile.rpt": summary,
        "b.hls_compile.rpt": summary.replace("'conv_top'", "'load'"),
        "impl_1_kernel_util_routed.rpt": (HERE / "kernel_util_routed.rpt").read_text(),
        "impl_1_route_report_timing_summary_0.rpt": TIMING.replace("xczu9eg-ffvb1156", "xcu50"),
    }
    found = collect_reports([tree(tmp_path / "reports", files)]).measurements
    clocks = {Path(m.source).name: m.clock_target_ns for m in found}
    assert clocks["impl_1_kernel_util_routed.rpt"] == 5.0
    (kernels,) = [m for m in found if "kernel_util" in m.source]
    assert (kernels.top, kernels.part) == (None, "xcu50-fsvh2104-2-e")
    assert clocks["a.hls_compile.rpt"] is clocks["b.hls_compile.rpt"] is None


def test_a_link_of_vpp(tmp_path: Path) -> None:
    result = run(
        tree(
            tmp_path / "_x",
            {
                "reports/link/system_estimate_qnas.xtxt": (
                    HERE / "system_estimate_2021.2.xtxt"
                ).read_text(),
                "reports/link/imp/impl_1_kernel_util_routed.rpt": (
                    HERE / "kernel_util_routed.rpt"
                ).read_text(),
                "reports/link/imp/impl_1_full_util_routed.rpt": ULTRASCALE,
                "reports/link/imp/impl_1_xilinx_slr_util_routed.rpt": vivado("report_slr"),
                "reports/link/imp/impl_1_slr_util_routed.rpt": vivado(
                    "report_utilization -slr", REGIONS
                ),
                "qnas.xclbin.info": "a text",
                "link/vivado/vpl/prj/prj.runs/impl_1/top_timing_summary_routed.rpt": TIMING,
            },
        )
    )
    assert result.exit_code == 0, result.output
    found = {Path(m["source"]).name: m for m in json.loads(result.stdout)}
    assert found["system_estimate_qnas.xtxt"]["clock_target_ns"] == 3.33
    assert found["impl_1_kernel_util_routed.rpt"]["bram18"] == 41
    assert found["impl_1_full_util_routed.rpt"]["clock_target_ns"] == 5.0
    assert "impl_1_slr_util_routed.rpt (utilization of an area)" in result.stderr
    assert "impl_1_xilinx_slr_util_routed.rpt (report of `report_slr`)" in result.stderr


@pytest.mark.parametrize(
    ("files", "clock_ns"),
    [
        ({"a_util.rpt": ULTRASCALE, "a_timing.rpt": TIMING}, 5.0),
        ({"impl_1/util.rpt": ULTRASCALE, "report/timing.rpt": TIMING}, 5.0),
        ({"util.rpt": ULTRASCALE, "timing.rpt": TIMING.replace(": top", ": another")}, None),
        ({"util.rpt": ULTRASCALE, "timing.rpt": TIMING.replace("xczu9eg", "xczu3eg")}, None),
        ({"one/util.rpt": ULTRASCALE, "other/timing.rpt": TIMING}, None),
        (
            {
                "util.rpt": ULTRASCALE,
                "t1.rpt": TIMING,
                "t2.rpt": TIMING.replace("        5.000 ", "        4.000 "),
            },
            None,
        ),
    ],
)
def test_a_clock_is_taken_from_the_same_run_alone(
    files: dict[str, str], clock_ns: float | None, tmp_path: Path
) -> None:
    found = collect_reports([tree(tmp_path, files)]).measurements
    (util,) = [m for m in found if m.source.endswith("util.rpt")]
    assert util.clock_target_ns == clock_ns
    assert util.clock_estimated_ns == (None if clock_ns is None else 5.25)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("xc7z020clg400-1", "7z020clg400-1", True),
        ("xc7z020-clg400-1", "XC7Z020CLG400-1", True),
        ("7vx485tffg1761-2", "xc7vx485t-ffg1761", True),
        ("xczu9eg-ffvb1156-2-e", "xczu9egffvb1156-2", True),
        ("xcvc1902-vsva2197-2MP-e-S", "xcvc1902-vsva2197-2mp-e-s", True),
        ("xc7z020clg400-1", "xc7z010clg400-1", False),
        ("xc7z020clg400-1", "xa7z020clg400-1", False),
        ("xcu50-fsvh2104-2-e", "xcu250-figd2104-2L-e", False),
    ],
)
def test_parts_are_the_same_however_they_are_written(one: str, other: str, same: bool) -> None:
    assert same_part(one, other) is same and same_part(other, one) is same


@pytest.mark.parametrize("version", ["v.2025.1.1", "2025.1.1", "v2025.1.1 (64-bit)"])
def test_a_version_is_written_in_one_way(version: str, tmp_path: Path) -> None:
    for text, old in ((EXPORT, "2022.2"), (CSYNTH, "2023.2")):
        (tmp_path / "r.xml").write_text(text.replace(old, version))
        assert read_report(tmp_path / "r.xml")[0].version == "2025.1.1"


def test_no_cycles_are_taken_of_a_co_simulation_that_failed(tmp_path: Path) -> None:
    cosim = SOLUTION["sim/report/qnas_top_cosim.rpt"].replace("Pass", "Fail")
    result = run(tree(tmp_path, {**SOLUTION, "sim/report/qnas_top_cosim.rpt": cosim}))
    assert result.exit_code == 0, result.output
    found = {Path(m["source"]).name for m in json.loads(result.stdout)}
    cycles = {"lat.rpt", "result.transaction.rpt", "qnas_top_cosim.rpt"}
    assert found == set(MEASURED) - cycles
    assert "lat.rpt, result.transaction.rpt (of a co-simulation that failed)" in result.stderr
    assert "must be of a co-simulation that passed" in result.stderr
