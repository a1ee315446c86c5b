"""Does choosing what to measure next beat measuring at random?

    python tests/bench/active.py [PAIRS.csv] [--seeds N] [--json OUT]

The rule is that of `qnas measure --next`. Both ways start from the same START random measurements,
then add as many: the rule those that would shrink the intervals over a front most, the other random
ones. What is measured last is judged on the front's own members, which neither may measure: the
mean width of their 90 % intervals over their values, the mean relative errors of LUTs and FFs, and
the share of amounts inside. Differences are paired (chosen less random, same start), with a 95 %
interval of their mean (Student's t). Every measurement is a real one, looked up.

`designs`: the shared pairs, each kernel a user of its own, whose front are the designs with the
fewest LUTs for their DSPs, as HLS estimates them; a visible skip where the pairs are absent.
`blocks`: of the measured table; the largest quarter of every kind stand for a front, whose blocks
are larger than what one measures.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from qnas.accel.calibration.active import choose, processes_of
from qnas.accel.calibration.blocks import LEARNED, designs_of_blocks
from qnas.accel.calibration.calibration import fit
from qnas.accel.calibration.designs import Designs, Floats, Setup
from qnas.accel.calibration.pairs import read_pairs
from qnas.accel.rtl.table import Row, read_table

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("QNAS_SHARED_DATA", ROOT.parent / "shared/data"))
PAIRS = SHARED / "synthesis_pairs/polybench_xczu9eg.csv"
START, BATCH, BUDGETS = 5, 5, (5, 10, 20, 40)
FIGURES = ("width", "lut", "ff", "inside")
LARGEST = 4  # of a kind's blocks one in so many stands for the front
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Arena:
    """Measured designs; which of them are the front."""

    name: str
    designs: Designs
    front: Indices

    @property
    def pool(self) -> Indices:
        return np.setdiff1d(np.arange(len(self.designs)), self.front)


def of_blocks(rows: Sequence[Row]) -> Arena:
    blocks = [row.block for row in rows]
    kinds: dict[str, list[int]] = {}
    for i in sorted(range(len(rows)), key=lambda i: rows[i].lut):
        kinds.setdefault(blocks[i].kind, []).append(i)
    front = [i for order in kinds.values() for i in order[len(order) - len(order) // LARGEST :]]
    return Arena("blocks", _learned(designs_of_blocks(blocks, rows)), np.array(sorted(front)))


def of_pairs(pairs: Designs) -> Iterator[Arena]:
    """Each kernel's own designs, each of which is a group of its own."""
    for kernel in np.unique(pairs.groups):
        own = _learned(pairs.subset(pairs.groups == kernel))
        own = replace(own, groups=own.names, conditions=None, clocks_ns=None)
        yield Arena(str(kernel), own, front(own.features["hls_lut"], own.features["hls_dsp"]))


def _learned(designs: Designs) -> Designs:
    """The designs with the amounts alone that are learned."""
    return replace(
        designs,
        estimated={name: designs.estimated[name] for name in LEARNED},
        measured={name: designs.measured[name] for name in LEARNED},
    )


def front(cost: Floats, gain: Floats) -> Indices:
    """Of least cost for its gain; of equal ones the first."""
    order = np.lexsort((np.arange(len(cost)), cost, -gain))
    found, least = [], np.inf
    for i in order:
        if cost[i] < least:
            found.append(int(i))
            least = cost[i]
    return np.array(sorted(found))


def race(arena: Arena, seed: int, budgets: Sequence[int]) -> list[list[list[float]]]:
    """(budgets, ways, FIGURES): the rule's, then random."""
    order = np.random.default_rng(seed).permutation(arena.pool)
    chosen, found = order[:START], []
    for budget in budgets:
        while len(chosen) < START + budget:
            chosen = np.concatenate([chosen, _next(arena, chosen)])
        ways = (chosen[: START + budget], order[: START + budget])
        found.append([judge(arena, known) for known in ways])
    return found


def _next(arena: Arena, known: Indices) -> Indices:
    left = np.setdiff1d(arena.pool, known)
    x = arena.designs.inputs()
    found = choose(
        processes_of(arena.designs.subset(known), LEARNED),
        x[known],
        x[left],
        goals=x[arena.front],
        weights=np.ones(len(arena.front)),
        count=BATCH,
    )
    return left[found]


def judge(arena: Arena, known: Indices) -> list[float]:
    """FIGURES on the front."""
    test = arena.designs.subset(arena.front)
    told = fit(arena.designs.subset(known), subject="hls", setup=Setup("", "")).predict(test)
    truth = np.stack([test.measured[name] for name in told.amounts], axis=1)
    errors = (abs(told.value - truth) / np.maximum(truth, 1.0)).mean(axis=0)
    width = np.mean((told.high - told.low) / np.maximum(told.value, 1.0))
    inside = np.mean((told.low - 0.5 <= truth) & (truth <= told.high + 0.5))
    return [float(width), *map(float, errors), float(inside)]


def compare(
    arenas: Sequence[Arena], seeds: int, *, budgets: Sequence[int] = BUDGETS
) -> list[dict[str, Any]]:
    """A step a budget that every pool can pay: means, and paired differences."""
    most = min(len(arena.pool) for arena in arenas) - START
    budgets = [budget for budget in budgets if budget <= most]
    runs = np.array([race(arena, seed, budgets) for arena in arenas for seed in range(seeds)])
    return [_step(budget, runs[:, i]) for i, budget in enumerate(budgets)]


def _step(budget: int, runs: Floats) -> dict[str, Any]:
    """`runs` (repeats, ways, FIGURES)."""
    step: dict[str, Any] = {"n": budget, "repeats": len(runs)}
    for i, name in enumerate(FIGURES):
        chosen, random = runs[:, 0, i], runs[:, 1, i]
        difference, spread = chosen - random, np.std(chosen - random, ddof=1)
        half = student.ppf(0.975, len(runs) - 1) * spread / np.sqrt(len(runs))
        step[name] = {
            "chosen": float(chosen.mean()),
            "random": float(random.mean()),
            "difference": float(difference.mean()),
            "ci": float(half),
            "better_share": float(np.mean(difference < 0)),
        }
    return step


def show(title: str, steps: Sequence[dict[str, Any]]) -> None:
    print(f"\n{title}, {steps[0]['repeats']} repeats: chosen / random, difference +- 95 %")
    print("  ".join([f"{'more':>4}", *(f"{name:>32}" for name in FIGURES)]))
    for step in steps:
        cells = [
            f"{x['chosen']:7.1%} /{x['random']:7.1%} {x['difference']:+7.1%} +-{x['ci']:5.1%}"
            for x in (step[name] for name in FIGURES)
        ]
        print("  ".join([f"{step['n']:>4}", *(f"{cell:>32}" for cell in cells)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="?", type=Path, default=PAIRS)
    parser.add_argument("--seeds", type=int, default=30, help="starts an arena")
    parser.add_argument("--no-pairs", action="store_true", help="the blocks alone")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    found = {"blocks": compare([of_blocks(read_table())], options.seeds)}
    show("Blocks of the measured table", found["blocks"])
    if options.no_pairs or not options.pairs.is_file():
        print("SKIPPED: " + ("pairs" if options.no_pairs else f"no {options.pairs}"))
    else:
        arenas = list(of_pairs(read_pairs(options.pairs).designs()))
        found["designs"] = compare(arenas, options.seeds)
        show(f"Designs of {len(arenas)} kernels", found["designs"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
