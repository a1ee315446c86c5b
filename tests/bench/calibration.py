"""What calibration makes of estimates: of the blocks that come with qnas, and of whole designs.

    python tests/bench/calibration.py [PAIRS.csv] [--json OUT]

Blocks: each of the measured table predicted from all the others. Per resource `mape_before` of the
estimate, `mape_after` of the prediction, `coverage_90` (share inside the 90 % interval),
`kendall_tau` (order, predicted against measured; null where all are equal) and `n`. `few`: the
error on the others of what 20 random blocks teach, and 20 of which 15 were proposed by the rule of
`qnas measure --next`, over that with all.

`kernels`: the same figures of the RTL kernels that come with qnas, each network from the others.

`pairs`: the same figures of designs with an HLS estimate and an implementation, each kernel from
all the others; without a file, the shared pairs, and a visible skip where they are absent.
`seconds`: what MANY predictions with intervals take in one batch.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.calibration.active import propose
from qnas.accel.calibration.blocks import LEARNED, designs_of_blocks, fit_blocks
from qnas.accel.calibration.calibration import fit
from qnas.accel.calibration.designs import MIN_DESIGNS, Designs
from qnas.accel.calibration.evaluation import Scores, leave_out, predicted, score
from qnas.accel.calibration.kernels import shipped_designs
from qnas.accel.calibration.pairs import SETUP, read_pairs
from qnas.accel.rtl.table import Row, read_table

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("QNAS_SHARED_DATA", ROOT.parent / "shared/data"))
PAIRS = SHARED / "synthesis_pairs/polybench_xczu9eg.csv"
NAMES = {
    "mape_raw": "mape_before",
    "mape": "mape_after",
    "coverage_90": "coverage_90",
    "kendall_tau": "kendall_tau",
    "n": "n",
}
FEW = 20
MANY = 100_000


def error_of(known: Sequence[Row], others: Sequence[Row]) -> tuple[float, ...]:
    """Mean relative errors, (LEARNED), of predictions for `others` learned from `known`."""
    test = designs_of_blocks([row.block for row in others], others)
    scores = score(predicted(test, fit_blocks(known).predict(test)))
    return tuple(float(scores[name]["mape"] or 0.0) for name in LEARNED)


def error_with(rows: Sequence[Row], count: int, *, seed: int) -> tuple[float, ...]:
    """`error_of` what `count` random rows teach of the others."""
    order = np.random.default_rng(seed).permutation(len(rows))
    known, others = ([rows[i] for i in part] for part in (order[:count], order[count:]))
    return error_of(known, others)


def error_with_proposed(rows: Sequence[Row], count: int, *, seed: int) -> tuple[float, ...]:
    """`error_of` what `count` rows teach of the others: MIN_DESIGNS at random, then those that
    `propose` names of all."""
    order = np.random.default_rng(seed).permutation(len(rows))
    of_block = {row.block: row for row in rows}
    known = [rows[i] for i in order[:MIN_DESIGNS]]
    more = propose(known, tuple(of_block), candidates=tuple(of_block), count=count - len(known))
    known += [of_block[block] for block in more]
    return error_of(known, [row for row in rows if row not in known])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="?", type=Path, default=PAIRS)
    parser.add_argument("--no-pairs", action="store_true", help="the blocks alone: seconds")
    parser.add_argument("--seeds", type=int, default=5, help="of random choices, averaged")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    rows = read_table()
    blocks = designs_of_blocks([row.block for row in rows], rows)
    found: dict[str, Any] = named(score(predicted(blocks, leave_out(blocks))))
    show("Blocks of the measured table, each left out", found)
    found["few"] = few(rows, found, options.seeds)
    _, kernels = shipped_designs()
    found["kernels"] = named(score(predicted(kernels, leave_out(kernels))))
    show("Kernels of the measured table, each network left out", found["kernels"])
    if options.no_pairs or not options.pairs.is_file():
        print("SKIPPED: " + ("pairs" if options.no_pairs else f"no {options.pairs}"))
    else:
        pairs = read_pairs(options.pairs).designs()
        found["seconds"] = speed(pairs)
        found["pairs"] = named(score(predicted(pairs, leave_out(pairs))))
        show("Designs, each kernel left out", found["pairs"])
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def named(scores: Scores) -> dict[str, Any]:
    return {name: {new: x[old] for old, new in NAMES.items()} for name, x in scores.items()}


def show(title: str, found: dict[str, Any]) -> None:
    print(
        f"\n{title}\n{'':10} {'error before':>12} {'after':>8} {'in 90 %':>8} {'tau':>6} {'n':>5}"
    )
    for name, x in found.items():
        tau = "-" if x["kendall_tau"] is None else f"{x['kendall_tau']:.3f}"
        shares = f"{x['mape_before']:>12.2%} {x['mape_after']:>8.2%} {x['coverage_90']:>8.1%}"
        print(f"{name:10} {shares} {tau:>6} {x['n']:>5}")


def few(rows: Sequence[Row], found: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Means over choices of FEW rows."""
    ways = {"random": error_with, "proposed": error_with_proposed}
    told: dict[str, Any] = {name: {} for name in LEARNED}
    for way, taught in ways.items():
        errors = np.mean([taught(rows, FEW, seed=seed) for seed in range(seeds)], axis=0)
        for name, error in zip(LEARNED, errors, strict=True):
            ratio = float(error / found[name]["mape_after"])
            told[name][way] = {"mape": float(error), "over_all": ratio}
            print(f"{FEW} {way} blocks: {name} {error:.2%}, {ratio:.2f} of that with all")
    return told


def speed(pairs: Designs) -> dict[str, float]:
    """Of predictions with their intervals, in one batch of `pairs` over and over."""
    model = fit(pairs, subject="hls", setup=SETUP)
    many = pairs.subset(np.arange(MANY) % len(pairs))
    wall, processor = time.perf_counter(), time.process_time()
    model.predict(many)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{MANY:,} predictions with intervals: {wall:.2f} s, {processor:.2f} s of processor time")
    return {"predictions": MANY, "wall_s": wall, "cpu_s": processor}


if __name__ == "__main__":
    main()
