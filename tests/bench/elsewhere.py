"""Do the intervals of RTL kernels hold in another space, on another device, for larger networks?

    python tests/bench/elsewhere.py [--json OUT]  # seconds
    python tests/bench/elsewhere.py --measure     # the kernels on other devices: minutes

Each split learns from one part of the measured kernels and predicts another that differs from it on
purpose. The kernels are those of the table that comes with qnas, the space of `refine_kernels.py`,
and OTHERS, kernels of that space on other devices. Per amount: median and mean error, and the share
of kernels in their 90 % intervals.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from refine_kernels import FILE as SPACE
from refine_kernels import Row, complete, read_rows

from qnas.accel.calibration.calibration import fit
from qnas.accel.calibration.designs import Designs, Setup
from qnas.accel.calibration.evaluation import held, predicted
from qnas.accel.calibration.kernels import (
    designs_of,
    kernel_design,
    measurement_of,
    shipped_designs,
)
from qnas.accel.rtl.kernel.table import read_kernels

FILE = Path(__file__).with_suffix(".csv")
OTHERS = (
    ("u250", "2 x 1 x 4", 16, 1, 1),
    ("u250", "4 x 2 x 4", 24, 2, 2),
    ("u250", "4 x 2 x 8", 32, 1, 1),
    ("pynq_z2", "2 x 1 x 4", 16, 1, 1),
    ("pynq_z2", "4 x 2 x 4", 24, 2, 2),
)
SMALL, LARGE = (16, 24), (32, 40)  # embedding dimensions
SHOWN = ("lut", "ff", "dsp", "bram18", "cycles")
Split = tuple[str, Designs, Designs]


def designs(rows: tuple[Row, ...]) -> Designs:
    return designs_of([kernel_design([row.plan()], row.measured, backend="rtl") for row in rows])


def splits() -> Iterator[Split]:
    """Name, what is known, what is predicted."""
    _, table = shipped_designs()
    kernels = np.array([row.kernel for row in read_kernels() if measurement_of(row)])
    digits = np.char.startswith(kernels, "digits")
    yield (
        "the table's digits -> its 28 and 32 pixels, and DeiT",
        table.subset(digits),
        table.subset(~digits),
    )
    rows, others = read_rows(SPACE), read_rows(FILE)
    space = designs(rows)
    yield "the table -> another space", table, space
    dims = np.array([row.dim for row in rows])
    small, large = (space.subset(np.isin(dims, part)) for part in (SMALL, LARGE))
    yield "networks of 16 and 24 channels -> of 32 and 40", small, large
    depths = np.array([row.depth for row in rows])
    yield "one block -> three", space.subset(depths == 1), space.subset(depths == 3)
    luts = np.array([row.lut for row in rows])
    small, large = (
        space.subset(mask) for mask in (luts < np.median(luts), luts >= np.median(luts))
    )
    yield "the smaller half of the kernels -> the larger half", small, large
    for device in dict.fromkeys(row.device for row in others):
        there = designs(tuple(row for row in others if row.device == device))
        yield f"the table -> {device}", table, there


def figures(known: Designs, test: Designs) -> dict[str, Any]:
    ranges = fit(known, subject="rtl", setup=Setup("", "")).predict(test)
    found: dict[str, Any] = {"known": len(known), "n": len(test)}
    for name, x in predicted(test, ranges).items():
        errors = abs(x.value - x.measured) / np.maximum(x.measured, 1)
        width = (x.high - x.low) / np.maximum(x.value, 1)
        found[name] = {
            "n": len(errors),
            "median": float(np.median(errors)),
            "mean": float(np.mean(errors)),
            "inside": float(np.mean(held(x))),
            "width": float(np.median(width)),
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure what the table lacks")
    parser.add_argument("--out", metavar="CSV", type=Path, default=FILE, help="the table")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if options.measure:
        complete(OTHERS, options.out)
        return
    document = {name: figures(known, test) for name, known, test in splits()}
    for name, x in document.items():
        print(f"{name}: {x['known']} -> {x['n']}")
        for amount in SHOWN:
            y = x.get(amount)
            if y:
                print(
                    f"    {amount:7} {y['n']:4}  error {y['median']:.2%} (mean {y['mean']:.2%}),"
                    f" inside {y['inside']:.1%}, width {y['width']:.2%}"
                )
    if options.json:
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
