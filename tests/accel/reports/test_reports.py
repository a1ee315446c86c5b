"""Reports of tools, in the formats that their guides document: what is read and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.accel.reports import read_report, read_reports
from qnas.cli.main import cli
from qnas.errors import ReportError
from tests.accel.reports.texts import (
    BY_INSTANCE,
    COSIM,
    CSYNTH,
    EXPORT,
    SEVEN,
    TIMING,
    ULTRASCALE,
)

SHARED = Path(
    os.environ.get("QNAS_SHARED_DATA", Path(__file__).parents[3] / ".." / "shared" / "data")
)

EXAMPLES = tuple(
    path.read_text()
    for path in sorted(Path(__file__).parent.iterdir())
    if path.suffix in (".xml", ".rpt", ".xtxt")
)
ALL = (CSYNTH, ULTRASCALE, SEVEN, BY_INSTANCE, TIMING, COSIM, EXPORT, *EXAMPLES)


def written(folder: Path, text: str | bytes, name: str = "report") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_an_estimate_with_its_modules(tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, CSYNTH))
    assert (found.tool, found.version, found.stage) == ("Vitis HLS", "2023.2", "hls")
    assert (found.top, found.part) == ("qnas_top", "xczu9eg-ffvb1156-2-e")
    assert (found.clock_target_ns, found.clock_estimated_ns) == (6.67, 4.867)
    assert (found.latency_cycles_max, found.interval_max) == (None, 1200)
    assert (found.lut, found.ff, found.dsp, found.bram18, found.uram) == (7890, 3456, 7, 12, 2)
    assert (found.available.lut, found.available.uram) == (274080, None)
    gemm, run = found.modules
    assert gemm.instances == ("run_U0/g1", "run_U0/g2")
    assert (gemm.latency_cycles_max, gemm.interval_max) == (40, 15)
    assert (gemm.lut, gemm.ff, gemm.dsp) == (6, 5, None)
    assert run.instances == ("run_U0",)


def test_old_tags_and_missing_sections(tmp_path: Path) -> None:
    old = CSYNTH.replace("<DSP>7</DSP>", "<DSP48E>7</DSP48E>").replace("<URAM>2</URAM>", "")
    old = old.replace("2023.2", "2017.4").replace("<FlowTarget>vivado</FlowTarget>", "")
    (found,) = read_report(written(tmp_path, old))
    assert (found.tool, found.dsp, found.uram) == ("Vivado HLS", 7, None)
    start, end = old.index("<PerformanceEstimates>"), old.index("<AreaEstimates>")
    (found,) = read_report(written(tmp_path, old[:start] + old[end:]))
    assert (found.lut, found.interval_max, found.clock_estimated_ns) == (7890, None, None)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + CSYNTH.encode(),
        CSYNTH.replace("UTF-8", "utf-16").encode("utf-16"),
        b"\n\n" + CSYNTH.encode(),
        CSYNTH.replace("<profile>", "<profile><!-- caf\xe9 -->").encode("latin-1"),
        CSYNTH.replace("\n", "\r\n").encode(),
    ],
)
def test_marks_and_encodings(data: bytes, tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, data))
    assert (found.top, found.lut) == ("qnas_top", 7890)


def test_two_tops_are_two_measurements(tmp_path: Path) -> None:
    second = "<TopModule><ModuleName>run</ModuleName></TopModule></RTLDesignHierarchy>"
    first, other = read_report(written(tmp_path, CSYNTH.replace("</RTLDesignHierarchy>", second)))
    assert (first.top, other.top) == ("qnas_top", "run")
    assert [m.top for m in first.modules] == ["gemm", "run"]


def test_utilization_in_every_wording(tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, ULTRASCALE))
    assert (found.tool, found.version, found.stage) == ("Vivado", "2022.1.2", "implemented")
    assert (found.lut, found.ff, found.dsp, found.bram18, found.uram) == (12345, 23456, 501, 239, 3)
    (found,) = read_report(written(tmp_path, SEVEN))
    assert (found.lut, found.ff, found.dsp, found.bram18, found.uram) == (100, 200, 4, 7, None)
    assert (found.version, found.stage) == ("2017.4", "synthesized")
    (found,) = read_report(written(tmp_path, BY_INSTANCE))
    assert (found.lut, found.ff, found.dsp, found.bram18) == (30, 40, 5, 5)
    assert [(m.top, m.instances) for m in found.modules] == [
        ("leaf", ("a", "c")),
        ("deep", ("a/b",)),
    ]


def test_versal_wording(tmp_path: Path) -> None:
    text = SEVEN.replace("Slice LUTs*", "CLB LUTs*").replace("DSPs     ", "DSP Slices")
    text = text.replace("RAMB36/FIFO*", "RAMB36E5").replace("RAMB18 ", "RAMB18E5*")
    (found,) = read_report(written(tmp_path, text))
    assert (found.lut, found.dsp, found.bram18) == (100, 4, 7)


def test_timing_of_the_worst_clock(tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, TIMING))
    assert (found.clock_target_ns, found.clock_estimated_ns) == (5.0, 5.25)
    assert (found.stage, found.top) == ("implemented", "top")
    (loose,) = read_report(written(tmp_path, TIMING.replace("     -0.250 ", "         NA ", 1)))
    assert loose.clock_estimated_ns is None


def test_a_utilization_is_completed_by_its_timing(tmp_path: Path) -> None:
    area, timing = read_reports(
        [written(tmp_path, ULTRASCALE, "a.rpt"), written(tmp_path, TIMING, "b.rpt")]
    )
    both = area.completed(timing)
    assert (both.lut, both.clock_estimated_ns) == (12345, 5.25)
    assert both.source.endswith("b.rpt") and "a.rpt + " in both.source


def test_cosimulation_in_three_forms(tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, COSIM, "qnas_top_cosim.rpt"))
    assert (found.stage, found.top, found.tool) == ("cosim", "qnas_top", "HLS co-simulation (xsim)")
    assert (found.latency_cycles_max, found.interval_max) == (259, 262)
    (found,) = read_report(written(tmp_path, '$MAX_LATENCY = "259"\n$MIN_LATENCY = "9"\n'))
    assert (found.latency_cycles_max, found.interval_max) == (259, None)
    calls = "     latency   interval\ntransaction   0:  250   262\ntransaction   1:  259   x\n"
    (found,) = read_report(written(tmp_path, calls))
    assert (found.latency_cycles_max, found.interval_max) == (259, 262)


def test_what_vivado_made_of_the_export(tmp_path: Path) -> None:
    (found,) = read_report(written(tmp_path, EXPORT, "export_impl.xml"))
    assert (found.stage, found.part, found.version) == ("implemented", "xc7z020-clg400-1", "2022.2")
    assert (found.lut, found.bram18, found.clock_estimated_ns) == (75, 3, 9.362)


DOCTYPE = '<!DOCTYPE p [<!ENTITY a "aaaa">]><profile>&a;</profile>'
BAD = {
    "empty": ("", r"report:1.*empty"),
    "prose": ("hello\n", r"report:1.*'hello'"),
    "other XML": ("<html>\n</html>", r"report:1.*<html>"),
    "cut XML": (CSYNTH[:700], r"report:\d+.*no element found|report:\d+.*unclosed token"),
    "entities": (DOCTYPE, r"report:1.*document type"),
    "no number": (CSYNTH.replace(">7890<", ">78x<"), r"report:16.*'78x'"),
    "negative": (CSYNTH.replace(">7890<", ">-5<"), r"report:16"),
    "cut row": (ULTRASCALE[: ULTRASCALE.index("|  23456") + 5], r"report:\d+.*whole row"),
    "cut section": (ULTRASCALE[: ULTRASCALE.index("\n2. BLOCKRAM\n---")], r"section 'BLOCKRAM'"),
    "cut timing": (TIMING[: TIMING.index("    WNS(ns)")], r"timing summary with WNS"),
    "failed": (COSIM.replace("Pass", "Fail"), r"report:11.*Fail"),
    "HLS text": ("== Vitis HLS Report for 'x'\n", r"report:1.*the table of estimates"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_report_is_refused_by_file_and_line(case: str, tmp_path: Path) -> None:
    text, says = BAD[case]
    with pytest.raises(ReportError, match=says):
        read_report(written(tmp_path, text))


def test_a_folder_stands_for_its_reports(tmp_path: Path) -> None:
    single = CSYNTH.partition("<RTLDesignHierarchy>")[0].replace("qnas_top", "lonely")
    report = tmp_path / "syn" / "report"
    report.mkdir(parents=True)
    written(report, CSYNTH, "csynth.xml")
    written(report, CSYNTH, "qnas_top_csynth.xml")
    written(report, single + "</profile>", "lonely_csynth.xml")
    written(report, "<design_size/>", "csynth_design_size.xml")
    written(tmp_path, COSIM, "qnas_top_cosim.rpt")
    cosim, hls = read_reports([tmp_path])
    assert (cosim.stage, hls.stage) == ("cosim", "hls")
    assert [m.top for m in hls.modules] == ["gemm", "run", "lonely"]
    empty = tmp_path / "none"
    empty.mkdir()
    with pytest.raises(ReportError, match="must hold reports"):
        read_reports([empty])


def test_the_command_prints_a_list(tmp_path: Path) -> None:
    path = written(tmp_path, CSYNTH)
    result = CliRunner().invoke(cli, ["measurements", str(path), "--json"])
    assert result.exit_code == 0
    (found,) = json.loads(result.stdout)
    assert found["latency_cycles_max"] is None and found["dsp"] == 7
    assert [m["top"] for m in found["modules"]] == ["gemm", "run"]
    table = CliRunner().invoke(cli, ["measurements", str(path)])
    assert table.exit_code == 0 and "7,890" in table.stdout and "gemm" in table.stdout
    bad = CliRunner().invoke(cli, ["measurements", str(tmp_path / "no.xml"), "--json"])
    assert bad.exit_code == 2 and bad.stderr.startswith("qnas: ") and not bad.stdout


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_is_an_error_or_a_report_never_a_traceback(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = data.draw(st.sampled_from(ALL)).encode()
    start = data.draw(st.integers(0, len(text)))
    junk = data.draw(st.binary(max_size=12) | st.sampled_from((b"|", b"<a>", b"~", b"{", b"1e99")))
    drop = data.draw(st.integers(0, 40))
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(text[:start] + junk + text[start + drop :])
    try:
        assert read_report(path)
    except ReportError as error:
        assert str(path) in str(error)


@settings(max_examples=150, deadline=None)
@given(noise=st.binary(max_size=200))
def test_noise_is_an_error_or_a_report(
    noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    path.write_bytes(noise)
    try:
        read_report(path)
    except ReportError as error:
        assert str(path) in str(error)


REAL = {
    "c_mnist_2018.2_xcvu13p.xml": ("Vivado HLS", "c_mnist", None, 21133, 80, 3391, 0),
    "mnist_depthwise_2022.1_xck26.xml": ("Vitis HLS", "MNIST", 1735, 28240, 156, 30, 56),
}


@pytest.mark.parametrize("name", REAL)
def test_real_reports(name: str) -> None:
    path = SHARED / "vitis_reports" / name
    if not path.exists():
        pytest.skip("the shared reports are not here")
    (found,) = read_report(path)
    got = (found.tool, found.top, found.latency_cycles_max, found.lut, found.dsp, found.bram18)
    assert (*got, len(found.modules)) == REAL[name]
