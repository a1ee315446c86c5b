"""Designs that users will make: every loop starts an iteration a cycle, and memories are clean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qnas.accel.csim.verify import verify_project
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.hls.analysis.timing import Timing, analyse
from qnas.architecture import ACTIVATION_BITS, Architecture
from qnas.spaces import load_space
from tests.accel.projects import design, emitted_sources

CLOCKS_MHZ = (150.0, 200.0, 300.0)  # the last one is told, not asked for
NETWORKS = ("digits smallest", "digits largest", "tiny28 largest", "DeiT-T", "DeiT-S")
DSP_SHARES = {"digits smallest": (0.0625, 1.0), "digits largest": (0.25, 1.0)}


def network(name: str) -> Architecture:
    """Of a space at its end, or a DeiT of half 8-bit rows."""
    if name.startswith("DeiT"):
        from tests.bench.published import deit

        return deit(name[-1], 4)
    space, _, which = name.partition(" ")
    found = load_space(space)
    return found.smallest() if which == "smallest" else found.largest()


def timings(name: str, bits: int, dsp_share: float) -> tuple[Timing, ...]:
    device = load_device("zcu102")
    arch = replace(network(name), activation_bits=bits)
    plan, _ = best_plan(arch, device, dsp_share)
    return analyse(emitted_sources(plan), plan, device, clocks_mhz=CLOCKS_MHZ)


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("bits", ACTIVATION_BITS)
@pytest.mark.parametrize("name", NETWORKS)
def test_memories_are_clean(tmp_path: Path, name: str, bits: int) -> None:
    """One image through two blocks: every kind of stage, at the network's own width."""
    whole = replace(network(name), activation_bits=bits)
    plan, _ = best_plan(whole, load_device("zcu102"), 1.0)
    one = design(replace(whole, blocks=whole.blocks[:2]), plan.folding, images=1)
    project = one.write(tmp_path / "project")
    (found,) = verify_project(project, [one.network], one.images, one.labels, probe=True)
    assert found.mismatches == 0 and found.probe is not None
    assert found.probe.faults == () and found.probe.claims >= 10


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("bits", ACTIVATION_BITS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_loop_starts_an_iteration_a_cycle(name: str, bits: int) -> None:
    for share in DSP_SHARES.get(name, (1.0,)):
        asked, faster, told = timings(name, bits, share)
        assert asked.slow == () and faster.slow == ()
        print(f"{name}, {bits} bits, at 300 MHz:", [(x.loop, x.interval) for x in told.slow])
