"""Progress without a terminal: a line at each tenth, and at least one a minute."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from qnas.cli.console import ConsoleProgress


def test_a_slow_stage_prints_between_its_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    now, out = [0.0], io.StringIO()
    monkeypatch.setattr("qnas.cli.console.time.monotonic", lambda: now[0])
    with ConsoleProgress(Console(file=out)) as progress:
        progress.stage("train", "begins")
        for step, seconds in ((1, 10), (2, 20), (3, 40), (4, 50), (100, 51), (101, 52)):
            now[0] = seconds
            progress.advance(step, 1000, "loss 1")
    lines = [line.split()[0] for line in out.getvalue().splitlines()]
    assert lines == ["train", "3/1000", "100/1000"]
