"""A handful of the kills of `make verify-full`: in every stage, resumed with the same results."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_stage_that_was_killed_is_resumed_with_the_same_results() -> None:
    command = [sys.executable, "-m", "tests.kills", "--kills", "8", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 faults" in done.stdout
