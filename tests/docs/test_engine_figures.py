"""Figures of Quasar-ViT's sizes in the README and the documentation follow from today's plans, and
those of small networks.

The RTL's cycles are those of its own model, which every simulation has equalled to the clock.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qnas.accel.folding_search.search import speedups_without_limits
from qnas.accel.rtl.kernel.cycles import cycles_of_pass
from tests.bench.published import PAPER, PAPER_SHARE, deit, limited
from tests.bench.small_networks import BATCHES, PICKS, compare

ROOT = Path(__file__).resolve().parents[2]
# arXiv:2407.18175: resources of its S and L2, from the percentages that it gives of a ZCU102
RESOURCES = {"dsp": "1739", "bram36": "401", "clock_mhz": "150"}
KILO_LUT = {"Quasar-ViT S": "178.2", "Quasar-ViT L2": "180.9"}


@pytest.mark.parametrize("design", KILO_LUT)
def test_the_written_figures_are_those_of_the_plan(design: str) -> None:
    size, device = PAPER[design], limited({**RESOURCES, "klut": KILO_LUT[design]})
    arch = deit(size.size, PAPER_SHARE, depth=size.depth)
    plan, estimate, _ = speedups_without_limits(arch, device, lut_lanes=True)
    as_rtl = f"{device.clock_mhz * 1e6 / cycles_of_pass(plan):.1f}"
    pages = {page: (ROOT / page).read_text() for page in ("README.md", "docs/benchmarks.md")}
    assert as_rtl in pages["README.md"] and as_rtl in pages["docs/benchmarks.md"]
    assert f"{estimate.fps:.1f}" in pages["docs/benchmarks.md"]
    assert f"{cycles_of_pass(plan):,}" in (ROOT / "docs/benchmarks/engine.md").read_text()


def test_the_written_figures_of_small_networks_are_those_of_the_plans() -> None:
    page = (ROOT / "docs/benchmarks/engine.md").read_text()
    for pick in PICKS:
        for batch in BATCHES:
            row = compare(pick, batch, rtl=False)
            assert f"| {batch} | {row.fps:,} | {row.fps_rtl:,} | {row.times_before:.2f} |" in page
