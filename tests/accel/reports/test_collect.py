"""What tools leave in folders: read, or passed over with a remark; one fault hides nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qnas.accel.reports import collect_reports, read_report
from qnas.accel.reports.read import COMMANDS
from qnas.errors import ReportError
from tests.accel.reports.folders import (
    BODIES,
    FAILED,
    HERE,
    OTHERS,
    run,
    tree,
    vivado,
)
from tests.accel.reports.test_reports import SHARED
from tests.accel.reports.texts import CSYNTH, EXPORT, TIMING, ULTRASCALE


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
