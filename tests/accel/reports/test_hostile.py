"""Files that were made to harm, or that are no reports at all: refused, and at once."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from qnas.accel.reports import read_report
from qnas.errors import ReportError
from tests.accel.reports.folders import (
    FAILED,
    HERE,
    OTHERS,
    run,
    tree,
)
from tests.accel.reports.texts import CSYNTH, ULTRASCALE

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
