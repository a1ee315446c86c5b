"""What tools leave in folders: read, or passed over with a remark; one fault hides nothing."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from qnas.accel.reports import collect_reports, read_report
from qnas.accel.reports.kinds import COMMANDS
from qnas.accel.reports.parts import same_part
from qnas.cli.main import cli
from qnas.errors import ReportError
from tests.accel.reports.test_reports import SHARED
from tests.accel.reports.texts import COSIM, CSYNTH, EXPORT, TIMING, ULTRASCALE

HERE = Path(__file__).parent
PART = "xczu9eg-ffvb1156-2-e"
FAILED = COSIM.replace("Pass", "Fail")
LAT = '$MAX_LATENCY = "259"\n$MAX_THROUGHPUT = "262"\n'


def vivado(command: str, body: str = "Some Report\n") -> str:
    """A report that begins as all of Vivado's do."""
    return (
        "Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.\n----\n"
        "| Tool Version : Vivado v.2022.1 (lin64) Build 3526262\n"
        f"| Command      : {command} -file top.rpt -pb top.pb\n"
        f"| Design       : top\n| Device       : {PART}\n| Design State : Routed\n----\n\n{body}"
    )


# A report of clocks has a table of sites; one of power has numbers with units.
SITES = """1. Clock Primitive Utilization
------------------------------
+------------+------+-----------+
| Site Type  | Used | Available |
+------------+------+-----------+
| BUFGCE     |    1 |        88 |
+------------+------+-----------+
"""
BODIES = {"report_clock_utilization": SITES, "report_power": "| Total On-Chip Power (W) | 3.1 |\n"}
OTHERS = {
    "route status": "Design Route Status\n   # of logical nets.... : 12 :\n",
    "fail-fast report": "# ----\n# Created on Mon with report_failfast (2023.09.14)\n# ----\n",
    "design size report": "====\n== Design Size Report\n====\n\n* Total Instructions\n",
    "system diagram of a link": "====\nVersion: xcd v2023.2\n====\n\n"
    "1. Kernel and compute unit information\n======\n",
    "description of an xclbin": "====\nXCLBIN Build Version: 2.14\n====\n",
    "log": "INFO: [Vivado 12-1] something\nINFO: [Vivado 12-2] more\n",
}


def run(*paths: Path, json_too: bool = True) -> Result:
    options = ["--json"] if json_too else []
    return CliRunner().invoke(cli, ["measurements", *map(str, paths), *options])


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_other_reports_of_vivado_are_passed_over(command: str, tmp_path: Path) -> None:
    other = vivado(command, BODIES.get(command, "Some Report\n"))
    folder = tree(tmp_path, {"top_utilization_placed.rpt": ULTRASCALE, "other.rpt": other})
    result = run(folder)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert found["lut"] == 12345
    assert f"remark: Passed over: other.rpt ({COMMANDS[command]})" in result.stderr
    alone = run(folder / "other.rpt")
    assert alone.exit_code == 2 and not alone.stdout
    assert f"got a {COMMANDS[command]}" in alone.stderr


@pytest.mark.parametrize("kind", OTHERS)
def test_other_texts_of_the_flows_are_passed_over(kind: str, tmp_path: Path) -> None:
    result = run(tree(tmp_path, {"csynth.xml": CSYNTH, "other.rpt": OTHERS[kind]}))
    assert result.exit_code == 0 and len(json.loads(result.stdout)) == 1
    assert f"other.rpt ({kind})" in result.stderr


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


BROKEN: dict[str, str | bytes] = {
    "a_csynth.xml": CSYNTH[:900],
    "export_impl.xml": EXPORT.replace(">75<", ">7x5<"),
    "top_cosim.rpt": FAILED,
    "b_utilization_synth.rpt": ULTRASCALE[: ULTRASCALE.index("|  23456") + 5],
    "timing_summary.rpt": TIMING[: TIMING.index("    WNS(ns)")],
    "empty.rpt": "",
    "bomb_csynth.xml": '<!DOCTYPE p [<!ENTITY a "aa">]><profile>&a;</profile>',
    "deep_csynth.xml": "<profile>" + "<a>" * 5000 + "</a>" * 5000 + "</profile>",
    "no_run_csynth.xml": "<profile><AreaEstimates/></profile>",
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_faulty_report_never_hides_the_others(name: str, tmp_path: Path) -> None:
    """In a folder it is a remark; named itself it is an error, after the others are printed."""
    folder = tree(tmp_path, {"good/csynth.xml": CSYNTH})
    content = BROKEN[name]
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    for paths, status in (((folder,), 0), ((folder / name, folder / "good/csynth.xml"), 2)):
        result = run(*paths)
        assert result.exit_code == status, result.output
        assert [m["top"] for m in json.loads(result.stdout)] == ["qnas_top"]
        (line,) = [text for text in result.stderr.splitlines() if str(folder / name) in text]
        assert "; got " in line
    alone = run(folder / name)
    assert alone.exit_code == 2 and not alone.stdout and alone.stderr.startswith("qnas: ")


def test_nothing_of_nothing() -> None:
    assert collect_reports([]).measurements == ()


def test_the_text_stands_in_for_a_broken_xml(tmp_path: Path) -> None:
    text = (HERE / "csynth_2023.2.rpt").read_text()
    result = run(tree(tmp_path, {"csynth.xml": CSYNTH[:300], "csynth.rpt": text}))
    assert result.exit_code == 0
    assert [m["top"] for m in json.loads(result.stdout)] == ["conv_top"]


def test_a_summary_takes_clock_and_functions_from_the_reports_beside_it(tmp_path: Path) -> None:
    text = (HERE / "csynth_2023.2.rpt").read_text()
    dot = (HERE / "dot_2022.2_csynth.rpt").read_text()
    top = dot.replace("'dot'", "'conv_top'").replace("2022.2", "2023.2")
    files = {"csynth.rpt": text, "conv_top_csynth.rpt": top, "dot_csynth.rpt": dot}
    (found,) = collect_reports([tree(tmp_path, files)]).measurements
    assert (found.lut, found.clock_target_ns, found.clock_estimated_ns) == (11840, 3.33, 2.433)
    assert (found.bram18, found.uram) == (18, 0)
    assert [(m.top, m.lut) for m in found.modules] == [("dot", 2000)]


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


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("-routable_nets -file top_timing_synth.rpt", "synthesized"),
        ("-routable_nets -file C:/implementation/top_timing_synth.rpt", "synthesized"),
        ("-file top_timing_summary_routed.rpt", "implemented"),
        ("-file post_route_timing.rpt", "implemented"),
    ],
)
def test_the_stage_is_told_by_the_name_that_the_flow_gave(
    command: str, said: str, tmp_path: Path
) -> None:
    text = TIMING.replace(
        "| Design State      : Routed", f"| Command : report_timing_summary {command}"
    )
    (tmp_path / "timing.rpt").write_text(text)
    assert read_report(tmp_path / "timing.rpt")[0].stage == said


def test_a_cell_is_named_and_an_area_is_no_design(tmp_path: Path) -> None:
    cell = ULTRASCALE.replace("-file a.rpt", "-cells design_1_i/qnas_top_0 -file a.rpt")
    area = ULTRASCALE.replace("-file a.rpt", "-pblocks [get_pblocks left] -file a.rpt")
    found = collect_reports([tree(tmp_path, {"cell.rpt": cell, "area.rpt": area})])
    assert [m.top for m in found.measurements] == ["design_1_i/qnas_top_0"]
    assert "area.rpt (utilization of an area)" in found.remarks[0]


CLOCKS = """| Tool Version : Vivado v.2021.2
| Design Timing Summary
| ---------------------

    WNS(ns)      TNS(ns)     WPWS(ns)
    -------      -------     --------
      {wns}        0.000        0.264

| Clock Summary
| -------------

Clock        Waveform(ns)         Period(ns)      Frequency(MHz)
-----        ------------         ----------      --------------
clk_in       {{0.000 1.000}}        2.000           500.000
  clk_out    {{0.000 2.500}}        5.000           200.000
  clk_aux    {{0.000 5.000}}        10.000          100.000

| Intra Clock Table
| -----------------

Clock             WNS(ns)      TNS(ns)     WPWS(ns)
-----             -------      -------     --------
clk_in                                        0.100
  clk_out           0.350        0.000        2.000
  clk_aux           4.000        0.000        0.264

| Inter Clock Table
| -----------------

From Clock    To Clock          WNS(ns)
----------    --------          -------
clk_aux       clk_out           {wns}
"""


@pytest.mark.parametrize(
    ("wns", "reached_ns"), [(" 0.350", 4.65), (" 0.200", 4.65), ("-3.000", None), ("    NA", None)]
)
def test_the_clock_is_that_of_the_least_slack_of_its_own(
    wns: str, reached_ns: float | None, tmp_path: Path
) -> None:
    """An empty cell is no slack, though the next one has a number; what lies between clocks is not
    of any."""
    (tmp_path / "timing.rpt").write_text(CLOCKS.format(wns=wns))
    (found,) = read_report(tmp_path / "timing.rpt")
    assert (found.clock_target_ns, found.clock_estimated_ns) == (5.0, reached_ns)
    assert bool(found.remarks) is (wns == "-3.000")


def test_a_design_without_constraints_reaches_no_clock(tmp_path: Path) -> None:
    text = CLOCKS.format(wns="    NA").partition("    WNS(ns)")[0]
    (tmp_path / "timing.rpt").write_text(f"{text}There are no user specified timing constraints.\n")
    (found,) = read_report(tmp_path / "timing.rpt")
    assert (found.clock_target_ns, found.clock_estimated_ns) == (None, None)


SLOW = [  # one line each, that patterns must not look at again and again
    "| Design : " + " " * 300_000 + "x|y",
    "1. " + "a " * 200_000 + "|",
    "transaction 1 " + " " * 300_000 + "1 2 3 4",
    "LUT:" + " " * 300_000 + "1 2",
    '$MAX_LATENCY = "' + " " * 300_000 + 'x"y',
    "v" + " " * 300_000 + "x",
    "|" + " " * 300_000,
    "+" + "-" * 300_000,
]


@pytest.mark.parametrize("line", SLOW, ids=range(len(SLOW)))
@pytest.mark.parametrize("name", ["dot_2022.2_csynth.rpt", "fir_export.rpt", "cosim_2023.rpt"])
def test_long_lines_are_read_in_no_time(line: str, name: str, tmp_path: Path) -> None:
    text = (HERE / name).read_text()
    start = time.process_time()
    for content in (f"{line}\n{text}", f"{text}\n{line}\n", ULTRASCALE + f"\n{line}\n"):
        (tmp_path / "r.rpt").write_text(content)
        with contextlib.suppress(ReportError):
            read_report(tmp_path / "r.rpt")
    assert time.process_time() - start < 5


@pytest.mark.parametrize("encoding", ["gbk", "Shift_JIS", "utf-7", "UTF-99", "zlib", "euc-kr"])
def test_the_code_page_of_a_path_is_no_reason_to_lose_the_numbers(
    encoding: str, tmp_path: Path
) -> None:
    path = b"<profile><!-- C:\\\xd6\xd0\xce\xc4\\ -->"
    data = CSYNTH.replace("UTF-8", encoding).encode().replace(b"<profile>", path)
    (tmp_path / "csynth.xml").write_bytes(data)
    assert read_report(tmp_path / "csynth.xml")[0].lut == 7890


@pytest.mark.parametrize("name", ["csynth.xml", "f_csynth.rpt"])
def test_no_clock_of_0_ns_is_reached(name: str, tmp_path: Path) -> None:
    """So HLS writes of a black box."""
    text = (HERE / "dot_2022.2_csynth.rpt").read_text().replace(" 2.433 ns", " 0.000 ns")
    content = text if name.endswith(".rpt") else CSYNTH.replace("4.867", "0.000")
    (tmp_path / name).write_text(content)
    (found,) = read_report(tmp_path / name)
    assert found.clock_estimated_ns is None and found.clock_target_ns is not None


RPT_DOC = """<?xml version="1.0"?>
<RptDoc cmdline="report_utilization -format xml" designname="top" designstate="{state}"
 partname="xczu7evffvc1156-3" title="Utilization Design Information">
<section title="CLB Logic"><table>
<tablerow><tableheader contents="Site Type"/><tableheader contents="Used"/></tablerow>
<tablerow><tablecell contents="CLB LUTs"/><tablecell contents="41x23"/></tablerow>
<tablerow><tablecell contents="  LUT as Logic"/><tablecell contents="7"/></tablerow>
<tablerow><tablecell contents="CLB Registers"/><tablecell contents="63"/></tablerow>
</table></section><section title="Black Boxes"><table>
<tablerow><tableheader contents="Ref Name"/><tableheader contents="Used"/></tablerow>{boxes}
</table></section></RptDoc>
"""
BOX = '<tablerow><tablecell contents="ip_0"/><tablecell contents="1"/></tablerow>'


def test_vivados_reports_as_xml(tmp_path: Path) -> None:
    good = RPT_DOC.replace("41x23", "4123")
    files = {"a.xml": good.format(state="Routed", boxes=""), "b.xml": "<RptDoc cmdline='x'/>"}
    found = collect_reports([tree(tmp_path / "xml", files)])
    (only,) = found.measurements
    assert (only.lut, only.ff, only.top, only.stage) == (4123, 63, "top", "implemented")
    black = tree(tmp_path / "black", {"s.xml": good.format(state="Synthesized", boxes=BOX)})
    (synthesized,) = collect_reports([black]).measurements
    assert (synthesized.lut, synthesized.stage) == (None, "synthesized")
    bad = tree(tmp_path / "bad", {"s.xml": RPT_DOC.format(state="Routed", boxes="")}) / "s.xml"
    with pytest.raises(ReportError, match=r"s\.xml:6.*'41x23'"):
        read_report(bad)


def test_a_section_left_out_by_hand_is_not_the_end_of_the_report(tmp_path: Path) -> None:
    text = (HERE / "utilization_versal_2022.2.rpt").read_text()
    start, end = text.index("\n2. CLB Distribution\n---"), text.index("\n3. BLOCKRAM\n---")
    (tmp_path / "r.rpt").write_text(text[:start] + text[end:])
    assert read_report(tmp_path / "r.rpt")[0].lut == 33100


HOSTILE = "a[red]b\x1b]0;owned\x07\x9b2J‮"


def test_names_and_texts_of_reports_never_steer_the_terminal(tmp_path: Path) -> None:
    top = CSYNTH.replace("qnas_top", "[bold]top[/bold] &#x9b;2J")
    odd = os.fsdecode(b"odd\xff.rpt")
    folder = tree(tmp_path / HOSTILE, {"csynth.xml": top, odd: OTHERS["log"], "bad.rpt": FAILED})
    for json_too in (True, False):
        result = run(folder, json_too=json_too)
        assert result.exit_code == 0, result.output
        for text in (result.stdout, result.stderr):
            assert not set("\x1b\x07\x9b‮") & set(text)
    assert "[bold]top[/bold]" in result.stdout and "a[red]b" in result.stderr
    missing = run(folder / "none\x1b[31m.xml")
    assert missing.exit_code == 2 and "\x1b" not in missing.stderr


@pytest.mark.parametrize("kind", ["fifo", "device", "json", "deep json", "binary", "folder link"])
def test_what_is_no_report_ends_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.rpt"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder link":
        path.symlink_to(tmp_path)
    else:
        contents = {"json": b'{"a": 1}', "deep json": b"[" * 200_000, "binary": bytes(range(256))}
        path.write_bytes(contents[kind])
    result = run(path)
    assert result.exit_code == 2 and not result.stdout and result.stderr.startswith("qnas: ")
    if kind == "fifo":
        good = tree(tmp_path, {"csynth.xml": CSYNTH})
        assert run(good).exit_code == 0


@pytest.mark.parametrize("path", sorted(HERE.glob("*.rpt")) + sorted(HERE.glob("*.xtxt")))
def test_cut_at_every_line_a_report_is_refused_or_tells_no_other_number(
    path: Path, tmp_path: Path
) -> None:
    """A list of transactions has no end of its own: a number cut in two is not noticed there."""
    text = path.read_text()
    (whole,) = read_report(path)
    said = whole.listed()
    ends = [i for i, letter in enumerate(text) if letter == "\n"]
    inside = [] if path.name.startswith("result.") else [e - 2 for e in ends if e > 2]
    for end in (*ends, *inside):
        (tmp_path / path.name).write_text(text[:end])
        try:
            (cut,) = read_report(tmp_path / path.name)
        except ReportError:
            continue
        told = {k: v for k, v in cut.listed().items() if k not in ("source", "modules")}
        wrong = {k: v for k, v in told.items() if v is not None and v != said[k]}
        assert not wrong, f"cut at {end}: {wrong}"


USERS: dict[str, dict[str, dict[str, Any]]] = {
    "black_boxes": {"system_wrapper_utilization_synth.rpt": {"lut": None, "ff": None, "dsp": None}},
    "cosim_2019": {
        "LR_top_cosim.rpt": {"latency_cycles_max": 130, "top": "LR_top"},
        "result.transaction.rpt": {"latency_cycles_max": 130},
    },
    "csynth_text": {"csynth.rpt": {"lut": 15518, "ff": 17943, "dsp": 55, "interval_max": 32}},
    "part_without_xc": {"utilization_placed.rpt": {"lut": 29073, "bram18": 136}},
    "vitis_2025_after_implementation": {
        "export_impl.xml": {"version": "2025.1.1", "lut": 1906},
        "top_kernel_csynth.xml": {"version": "2025.1.1", "lut": 2625},
        "bd_0_wrapper_utilization_placed.rpt": {"clock_target_ns": 10.0, "lut": 1906},
        "bd_0_wrapper_utilization_synth.rpt": {"lut": None, "dsp": None},
        "top_kernel_timing_routed.rpt": {"part": "xczu3eg-sbva484-1-e"},
        "top_kernel_cosim.rpt": {"clock_target_ns": 10.0, "latency_cycles_max": 140},
    },
}


@pytest.mark.parametrize("case", USERS)
def test_what_users_brought(case: str) -> None:
    folder = SHARED / "user_cases" / case
    if not folder.exists():
        pytest.skip("the shared reports are not here")
    result = run(folder)
    assert result.exit_code == 0, result.output
    found = {Path(m["source"]).name: m for m in json.loads(result.stdout)}
    for name, said in USERS[case].items():
        assert {key: found[name][key] for key in said} == said
