"""Wordings of single reports that are told apart by more than a title."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnas.accel.reports import collect_reports, read_report
from qnas.errors import ReportError
from tests.accel.reports.folders import (
    HERE,
    tree,
)
from tests.accel.reports.texts import CSYNTH, TIMING, ULTRASCALE


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


ZEROS = """| Design State : Synthesized
+-------------+--------+------------+-----+--------+--------+------+------------+
|   Instance  | Module | Total LUTs | FFs | RAMB36 | RAMB18 | URAM | DSP Blocks |
+-------------+--------+------------+-----+--------+--------+------+------------+
| top         |  (top) |          0 |   0 |      0 |      0 |    0 |          0 |
|   ip_0      |   ip_0 |          0 |   0 |      0 |      0 |    0 |          0 |
+-------------+--------+------------+-----+--------+--------+------+------------+
"""


@pytest.mark.parametrize("kind", ["by instance", "flat", "flat, section left out"])
def test_a_design_of_nothing_was_not_linked(kind: str, tmp_path: Path) -> None:
    """Black boxes make zeros; a report by instance has no section that would name them."""
    text = (HERE / "utilization_black_box_2021.1.rpt").read_text()
    if "left out" in kind:
        start, end = (
            text.index("\n4. Black Boxes\n---"),
            text.index("\n5. Instantiated Netlists\n---"),
        )
        text = (
            (text[:start] + text[end:])
            .replace("|   14 |", "|    0 |")
            .replace("|    9 |", "|  0 |")
        )
    (tmp_path / "r.rpt").write_text(ZEROS if kind == "by instance" else text)
    (found,) = read_report(tmp_path / "r.rpt")
    assert {found.lut, found.ff, found.dsp, found.bram18, found.uram} == {None}
    assert found.remarks and not found.modules


def test_a_summary_without_a_function_is_refused(tmp_path: Path) -> None:
    text = (HERE / "csynth_2023.2.rpt").read_text().replace("|+ conv", "|  conv")
    lines = [line for line in text.splitlines() if "| + " not in line and "|  + " not in line]
    (tmp_path / "csynth.rpt").write_text("\n".join(lines))
    with pytest.raises(ReportError, match="table of estimates"):
        read_report(tmp_path / "csynth.rpt")


def test_a_section_left_out_by_hand_is_not_the_end_of_the_report(tmp_path: Path) -> None:
    text = (HERE / "utilization_versal_2022.2.rpt").read_text()
    start, end = text.index("\n2. CLB Distribution\n---"), text.index("\n3. BLOCKRAM\n---")
    (tmp_path / "r.rpt").write_text(text[:start] + text[end:])
    assert read_report(tmp_path / "r.rpt")[0].lut == 33100
