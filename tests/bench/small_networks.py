"""More images per second of small networks: several images a pass, in DSPs and LUTs of before.

    python tests/bench/small_networks.py [--batch N ...] [--rtl] [--json OUT]

Three picks of a run of the digits demo, from a version of qnas whose kernels took an image at a
time: 8 x 8 pixels, 17 tokens, two blocks. `before` is what that version's RTL made of them,
simulated, and what its plans took: DSPs and LUTs of the C++ kernel, modelled. Ours are the fastest
foldings today within as many DSPs and LUTs, modelled, for each batch; block RAM is the board's.
--rtl also SIMULATES them: two passes of noise through the whole kernel as RTL, random weights,
every stage of every image compared with the integer reference, cycles counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qnas._util.units import fps
from qnas.accel.cost.idle import array_shares
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.cycles import cycles_of_pass
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.testing.random_network import random_network

BATCHES = (1, 2, 4, 8)
PASSES = 2  # of a simulation: the first of a call, and the next
Block = tuple[int, int, tuple[int, int, int, int]]  # heads, hidden, eighths of 8-bit rows


@dataclass(frozen=True)
class Before:
    """A pick of before: its network, what its kernel took, and how fast its RTL was."""

    name: str
    embed_dim: int
    blocks: tuple[Block, ...]
    dsp: int
    lut: int
    fps: float

    @property
    def architecture(self) -> Architecture:
        """The network."""
        return Architecture(
            image_size=8,
            patch_size=2,
            in_channels=1,
            num_classes=10,
            embed_dim=self.embed_dim,
            head_dim=16,
            blocks=tuple(
                BlockSpec(heads, hidden, W8Shares(*shares)) for heads, hidden, shares in self.blocks
            ),
            stem_w8=8,
            head_w8=8,
        )


PICKS = (
    Before("knee", 32, ((1, 96, (1, 3, 5, 3)), (2, 64, (2, 1, 8, 3))), 257, 57_852, 49_669),
    Before("fps50000", 48, ((3, 48, (3, 5, 6, 8)), (2, 96, (3, 8, 8, 0))), 778, 128_537, 55_783),
    Before("fps70000", 32, ((1, 96, (4, 5, 5, 3)), (2, 64, (4, 1, 1, 0))), 778, 128_537, 73_746),
)


@dataclass(frozen=True)
class Row:
    """A pick in a batch. `fps_rtl` is computed by the RTL's model, or simulated."""

    pick: str
    fps_before: float
    batch: int
    fps: float
    fps_rtl: float
    pass_us: float
    dsp: int
    lut: int
    bram18: int
    fills: float
    folding: str
    values: int = 0
    mismatches: int = 0

    @property
    def times_before(self) -> float:
        """The rate as RTL over that of before."""
        return self.fps_rtl / self.fps_before


def limited(before: Before) -> Device:
    """A ZCU102 with the DSPs and LUTs of before, all of which may be used."""
    board = load_device("zcu102")
    margins = replace(board.margins, dsp=1.0, lut=1.0)
    return replace(board, dsp=before.dsp, lut=before.lut, margins=margins)


def compare(before: Before, batch: int, *, rtl: bool) -> Row:
    """The fastest folding of a pick in this batch."""
    plan, found = best_plan(before.architecture, limited(before), lut_lanes=True, batch=batch)
    cycles, values, mismatches = (
        simulated(before.architecture, plan) if rtl else (cycles_of_pass(plan), 0, 0)
    )
    return Row(
        pick=before.name,
        fps_before=before.fps,
        batch=batch,
        fps=round(found.fps),
        fps_rtl=round(fps(cycles, clock_mhz=plan.clock_mhz, batch=batch)),
        pass_us=round(1e3 * found.latency_ms, 1),
        dsp=found.resources.dsp,
        lut=found.resources.lut,
        bram18=found.resources.bram18,
        fills=round(array_shares(plan)["fills"], 3),
        folding=str(plan.folding),
        values=values,
        mismatches=mismatches,
    )


def simulated(arch: Architecture, plan: HardwarePlan) -> tuple[float, int, int]:
    """(cycles of a further pass, values compared, values that differ) of the plan's kernel."""
    member = KernelNetwork(random_network(arch, 0), plan, "network")
    shape = (PASSES * plan.folding.batch, 1, arch.image_size, arch.image_size)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    (found,) = simulate_kernel([member], images)
    return found.cycles_next, found.values, found.mismatches


HEADER = """\
| pick, DSP and LUT of before | FPS before, simulated | batch | FPS, modelled | FPS as RTL | times \
| a pass | DSP | LUT | BRAM18 | pipelines fill |
|---|---|---|---|---|---|---|---|---|---|---|"""


def lines(rows: list[Row]) -> Iterator[str]:
    """The rows as a table in Markdown."""
    yield HEADER
    limits = {one.name: f"{one.dsp}, {one.lut:,}" for one in PICKS}
    for row in rows:
        yield (
            f"| {row.pick}: {limits[row.pick]} | {row.fps_before:,.0f} | {row.batch} |"
            f" {row.fps:,.0f} | {row.fps_rtl:,.0f} | {row.times_before:.2f} |"
            f" {row.pass_us:,.0f} µs | {row.dsp} | {row.lut:,} | {row.bram18} |"
            f" {row.fills:.0%} |"
        )
    compared, wrong = sum(row.values for row in rows), sum(row.mismatches for row in rows)
    yield f"\nSimulated: {wrong} of {compared:,} values differ." if compared else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, nargs="+", default=BATCHES, help="images of a pass")
    parser.add_argument("--rtl", action="store_true", help="simulate the kernels as RTL")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    rows = [compare(pick, batch, rtl=options.rtl) for pick in PICKS for batch in options.batch]
    if options.json:
        found: list[dict[str, Any]] = [
            {**asdict(row), "times_before": round(row.times_before, 3)} for row in rows
        ]
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(lines(rows)))


if __name__ == "__main__":
    main()
