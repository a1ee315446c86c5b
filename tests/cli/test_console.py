"""Progress where there is no terminal: lines with their time, and none missing for long."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from qnas.cli.console import ConsoleProgress
from qnas.studies.progress import rate

STAMP = r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}  "


def shown(*, every_step: bool = False, silence_s: float = 60.0, wait_s: float = 0.0) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, soft_wrap=True)
    with ConsoleProgress(console, every_step=every_step, silence_s=silence_s) as progress:
        progress.stage("train", "supernet [8]")
        for done in range(1, 41):
            progress.advance(done, 40, f"loss {done}")
        time.sleep(wait_s)
    return stream.getvalue().splitlines()


def test_lines_have_their_time_and_are_about_ten() -> None:
    lines = shown()
    assert all(re.match(STAMP, line) for line in lines)
    assert lines[0].endswith("train   supernet [8]") and lines[-1].endswith("40/40  loss 40")
    assert len(lines) == 11


def test_every_step_is_shown_on_request() -> None:
    assert len(shown(every_step=True)) == 41


def test_a_slow_stage_prints_between_its_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stream = [0.0], io.StringIO()
    monkeypatch.setattr("qnas.cli.console.time.monotonic", lambda: now[0])
    with ConsoleProgress(Console(file=stream)) as progress:
        progress.stage("train", "begins")
        for step, seconds in ((1, 10), (2, 20), (3, 40), (4, 50), (100, 51), (101, 52)):
            now[0] = seconds
            progress.advance(step, 1000, "loss 1")
    lines = [line.split()[2] for line in stream.getvalue().splitlines()]
    assert lines == ["train", "3/1000", "100/1000"]


def test_a_silent_stage_repeats_what_is_known() -> None:
    lines = shown(silence_s=0.2, wait_s=1.0)
    assert re.search(r"40/40  loss 40  \(\d s in this stage\)$", lines[-1])
    assert 2 <= len(lines) - 11 <= 6


def test_slow_rates_keep_their_digits() -> None:
    assert [rate(r) for r in (12345.6, 38.2, 4.21, 0.0312)] == ["12,346", "38", "4.2", "0.031"]
