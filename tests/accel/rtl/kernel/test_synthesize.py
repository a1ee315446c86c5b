"""Synthesis of a kernel that is stopped, or takes too long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from qnas.accel.rtl.kernel.synthesize import synthesize_kernel
from qnas.errors import CompileError
from tests.accel.rtl.kernel.test_kernel import least

pytest.importorskip("pyosys")


def test_a_kernel_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="--timeout"):
        synthesize_kernel([least().plan], cache=tmp_path, timeout_s=0.01)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.full
def test_a_run_that_was_stopped_goes_on_with_the_units_that_are_left(tmp_path: Path) -> None:
    plans, counts = [least().plan], []

    def stop(done: int, count: int, following: Sequence[str]) -> None:
        counts.append(done)
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize_kernel(plans, cache=tmp_path, progress=stop)
    kept = len(list(tmp_path.glob("*.unit.json")))
    assert counts[0] == 0 and kept == counts[-1] > 0
    later: list[int] = []
    found = synthesize_kernel(
        plans, cache=tmp_path, progress=lambda done, count, following: later.append(done)
    )
    assert later[0] == kept
    again = synthesize_kernel(
        plans, cache=tmp_path, progress=lambda *_: pytest.fail("mapped again")
    )
    assert again == found
