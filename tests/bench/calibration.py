"""What calibration makes of an estimate: each kernel predicted from all the others.

    python tests/bench/calibration.py [PAIRS.csv] [--json OUT]

Per resource: `mape_before` of the estimate, `mape_after` of the prediction, `coverage_90` (share of
designs inside the 90 % interval), `kendall_tau` (order, predicted against built; null where all are
equal) and `n` designs. Without a file, the shared pairs; a visible skip where they are absent.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from qnas.objectives.calibration.evaluation import leave_one_out, score
from qnas.objectives.calibration.pairs import read_pairs

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", nargs="?", type=Path, default=PAIRS)
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if not options.pairs.is_file():
        print(f"SKIPPED: no {options.pairs}")
        return
    pairs = read_pairs(options.pairs)
    scores = score(pairs, leave_one_out(pairs))
    found = {name: {new: x[old] for old, new in NAMES.items()} for name, x in scores.items()}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    for name, x in found.items():
        print(
            f"{name:10} error {x['mape_before']:.1%} -> {x['mape_after']:.1%},"
            f" {x['coverage_90']:.1%} inside the 90 % interval, tau {x['kendall_tau']}, n {x['n']}"
        )


if __name__ == "__main__":
    main()
