"""Do the intervals of calibration widen, rather than lie, where designs are unlike those known?

    python tests/bench/unseen.py [PAIRS.csv] [--json OUT]

Each split learns from one part of the shared pairs and foretells another that differs from it on
purpose: larger kernels, larger designs, one kernel alone, another part (its results made from those
of this one by factors, its clocks moved, as HLS of another part expects others). Per resource
`mape_before`, `mape_after`, `coverage_90`, the interval's median `width_90`, and `width_ratio`: the
median of width over the width that the same designs have where only their own kernel was left out.
`extrapolated` is the share of designs that are called so.

The last split is what no interval can know: another part, and no clock or name that tells it.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.calibration.designs import Mask
from qnas.accel.calibration.evaluation import Predicted, evaluate, leave_out, predicted, score
from qnas.accel.calibration.pairs import CLOCK, Pairs, read_pairs

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("QNAS_SHARED_DATA", ROOT.parent / "shared/data"))
PAIRS = SHARED / "synthesis_pairs/polybench_xczu9eg.csv"
OTHER_PART = {"impl_lut": 1.25, "impl_logic_lut": 1.25, "impl_ff": 1.15, "hls_ff": 1.1}
OTHER_CLOCKS_NS = 1.3  # less than those of this part
NAMES = {"mape_raw": "mape_before", "mape": "mape_after", "coverage_90": "coverage_90"}
SHOWN = ("lut", "ff", "bram18")


@dataclass(frozen=True, slots=True)
class Split:
    """`out`: which designs of all `test` is made from."""

    name: str
    train: Pairs
    test: Pairs
    out: Mask


def splits(pairs: Pairs) -> Iterator[Split]:
    """Kernels by the median of their LUTs, small first; designs by their LUTs, as HLS says."""
    lut, kernel = pairs.columns["hls_lut"], pairs.groups
    kernels = sorted(np.unique(kernel), key=lambda k: float(np.median(lut[kernel == k])))
    small = np.isin(kernel, kernels[: len(kernels) // 2])
    rank = np.argsort(np.argsort(lut, kind="stable")) / len(pairs)
    largest, smallest = kernel == kernels[-1], kernel == kernels[0]
    masks: dict[str, tuple[Mask, Mask]] = {
        "smaller kernels -> larger ones": (small, ~small),
        "larger kernels -> smaller ones": (~small, small),
        "smaller half -> larger half": (rank < 0.5, rank >= 0.5),
        "smaller half -> largest fifth": (rank < 0.5, rank >= 0.8),
        "small of small kernels -> large of large": (small & (rank < 0.5), ~small & (rank >= 0.5)),
        "smallest kernel alone -> largest": (smallest, largest),
        "largest kernel alone -> smallest": (largest, smallest),
    }
    for name, (known, out) in masks.items():
        yield Split(name, pairs.subset(known), pairs.subset(out), out)
    other = _scaled(pairs, OTHER_PART)
    if CLOCK in pairs.columns:
        moved = _with_clocks(other, pairs.columns[CLOCK] - OTHER_CLOCKS_NS)
        yield Split("another part", pairs, moved, np.ones(len(pairs), bool))
        name = "another part, smaller kernels -> larger ones"
        yield Split(name, pairs.subset(small), moved.subset(~small), ~small)
    known, unknown = (_without_clocks(p) for p in (pairs.subset(~largest), other.subset(largest)))
    yield Split("another part that nothing tells", known, unknown, largest)


def _some(pairs: Pairs, count: int | None) -> Pairs:
    order = np.random.default_rng(0).permutation(len(pairs))
    return pairs.subset(np.sort(order[:count]))


def _scaled(pairs: Pairs, factors: Mapping[str, float]) -> Pairs:
    columns = {name: x * factors.get(name, 1.0) for name, x in pairs.columns.items()}
    return replace(pairs, columns=columns)


def _with_clocks(pairs: Pairs, clocks_ns: Any) -> Pairs:
    return replace(pairs, columns={**pairs.columns, CLOCK: clocks_ns})


def _without_clocks(pairs: Pairs) -> Pairs:
    return replace(pairs, columns={n: x for n, x in pairs.columns.items() if n != CLOCK})


def measure(pairs: Pairs) -> dict[str, Any]:
    """By split."""
    near = predicted(pairs.designs(), leave_out(pairs.designs()))
    found = {}
    for split in splits(pairs):
        test = split.test.designs()
        told = predicted(test, evaluate(split.train.designs(), test))
        found[split.name] = _figures(told, near, split)
        print(line(split.name, found[split.name]), flush=True)
    return found


def _figures(
    told: Mapping[str, Predicted], near: Mapping[str, Predicted], split: Split
) -> dict[str, Any]:
    figures: dict[str, Any] = {"known": len(split.train), "n": len(split.test)}
    for name, x in score(told).items():
        figures["extrapolated"] = x["extrapolated"]
        width, usual = _widths(told[name]), _widths(near[name])[split.out]
        figures[name] = {new: x[old] for old, new in NAMES.items()}
        figures[name] |= {"width_90": x["width_90"], "width_ratio": float(np.median(width / usual))}
    return figures


def _widths(x: Predicted) -> Any:
    return np.log1p(x.high) - np.log1p(x.low)


def line(name: str, x: Mapping[str, Any]) -> str:
    cells = [
        f"{x[r]['mape_after']:6.1%} {x[r]['coverage_90']:7.1%} {x[r]['width_ratio']:6.1f} x"
        for r in SHOWN
        if r in x
    ]
    share = f"{x['extrapolated']:.0%}"
    return f"{name:45} {x['known']:>5} -> {x['n']:<5} {share:>5}   " + "   ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="?", type=Path, default=PAIRS)
    parser.add_argument("--designs", type=int, help="so many of them, chosen at random")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if not options.pairs.is_file():
        print(f"SKIPPED: {options.pairs} is not there; give the path of pairs.")
        return
    cells = [f"{name + ': error':>12} {'in 90 %':>8} {'width':>6}" for name in SHOWN]
    print(f"{'':45} {'known':>5}    {'n':<5} {'far':>5} " + "  ".join(cells))
    found = measure(_some(read_pairs(options.pairs), options.designs))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
