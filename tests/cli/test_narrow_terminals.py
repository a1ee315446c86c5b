"""Tables on a terminal of 100 columns, and on narrower ones: no figure loses a digit."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from qnas.accel.device import device_names, load_device
from qnas.accel.reports.measurement import Measurement
from qnas.cli.console import show_tables
from qnas.cli.main import cli
from qnas.cli.measurements import measurement_table

IMPLEMENTED = Measurement(
    source="timing.rpt",
    tool="Vivado",
    version="2025.1.1",
    stage="implemented",
    part="xczu9eg-ffvb1156-2-e",
    top="qnas_top",
    clock_target_ns=6.667,
    clock_estimated_ns=10.123,
    lut=1_234_567,
    ff=2_345_678,
    dsp=12_288,
    bram18=4_032,
    uram=0,
)
CO_SIMULATED = Measurement(
    source="lat.rpt",
    tool="HLS co-simulation",
    version=None,
    stage="cosim",
    latency_cycles_max=123_456_789,
    interval_max=12_345_678,
)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Standard output is a terminal of `COLUMNS` columns."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    return monkeypatch


def lines_of(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


@pytest.mark.usefixtures("terminal")
def test_the_boards_fit_100_columns_with_all_digits() -> None:
    lines = lines_of(CliRunner().invoke(cli, ["devices"]).stdout)
    assert max(map(len, lines)) <= 100
    for name in device_names():
        (row,) = [line for line in lines if line.startswith(f"│ {name} ")]
        assert f" {load_device(name).lut:,} " in row and "…" not in row


def test_reports_fit_100_columns_with_all_digits(
    terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    show_tables(measurement_table([IMPLEMENTED, CO_SIMULATED]))
    lines = lines_of(capsys.readouterr().out)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    for figure in ("1,234,567", "12,288", "10.123", "6.667", "123,456,789", "12,345,678"):
        assert f" {figure} " in text
    for word in ("qnas_top", "lat.rpt", "Vivado 2025.1.1", "xczu9eg-ffvb1156-2-e"):
        assert word in text
    terminal.setenv("COLUMNS", "60")
    show_tables(measurement_table([IMPLEMENTED]))
    assert "…" not in capsys.readouterr().out


def test_a_column_that_no_report_has_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    show_tables(measurement_table([CO_SIMULATED]))
    shown = capsys.readouterr().out
    assert "LUT" not in shown and "clock" not in shown
    show_tables(measurement_table([IMPLEMENTED]))
    shown = capsys.readouterr().out
    assert "URAM" in shown and re.search(r"│ +0 │", shown) and "latency" not in shown
