"""The whole proof that C++ equals the integer reference: `make verify-full`.

    python -m tests.accel.full [--designs 60] [--vectors 1000] [--json OUT]

Random networks under random foldings, of both activation widths, every loop counted; and stages
with Xilinx's own ap_int until each kind has seen so many vectors (results of a token, a query or a
row slot's tile of tokens). Exit status 1 at the first mismatch, with the design that shows it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from qnas.accel.plan import HardwarePlan
from qnas.accel.toolchain import Toolchain, find_ap_int
from qnas.accel.verify import Verification, verify_project
from tests.accel.projects import QUICK, Design, lanes, random_design

WORKERS = 2
WITH_XILINX = 8  # designs, of both widths, that share the vectors with Xilinx's headers


def vectors(plan: HardwarePlan) -> Counter[str]:
    """Vectors of each kind of stage that one image gives."""
    counts: Counter[str] = Counter()
    for stage in plan.stages:
        counts[stage.kind] += stage.tokens
    return counts


def verified(design: Design, toolchain: Toolchain) -> Verification:
    with tempfile.TemporaryDirectory(prefix="qnas-full-") as folder:
        project = design.write(Path(folder) / "project")
        return verify_project(
            project, design.network, design.images, design.labels, toolchain=toolchain
        )


def stand_in(seed: int) -> dict[str, Any]:
    design = random_design(seed)
    found = verified(design, QUICK)
    return {
        "seed": seed,
        "activation_bits": design.plan.activation_bits,
        "lanes": lanes(design.plan),
        "loops": sum(len(stage.loops) for stage in design.plan.stages),
        "values": found.values,
        "mismatches": found.mismatches,
        "first_mismatch": str(found.first_mismatch),
    }


def with_xilinx(seed: int, *, wanted: int, ap_int: Path) -> dict[str, Any]:
    each = min(vectors(random_design(seed).plan).values())
    design = random_design(seed, images=-(-wanted // (WITH_XILINX * each)))
    found = verified(design, Toolchain(flags=("-O1",), ap_int=ap_int))
    images = len(design.images)
    return {
        "seed": seed,
        "vectors": {kind: images * n for kind, n in vectors(design.plan).items()},
        "mismatches": found.mismatches,
        "first_mismatch": str(found.first_mismatch),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--designs", type=int, default=60)
    parser.add_argument("--vectors", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, ap_int = time.monotonic(), find_ap_int()
    with ThreadPoolExecutor(WORKERS) as pool:
        networks = list(pool.map(stand_in, range(options.designs)))
        stages = (
            []
            if ap_int is None
            else list(
                pool.map(
                    lambda seed: with_xilinx(seed, wanted=options.vectors, ap_int=ap_int),
                    range(WITH_XILINX),
                )
            )
        )
    kinds: Counter[str] = Counter()
    for stage in stages:
        kinds.update(stage["vectors"])
    wrong = [x for x in (*networks, *stages) if x["mismatches"]]
    summary = {
        "networks": len(networks),
        "by_width_and_lanes": dict(
            Counter(f"{x['activation_bits']} bits, {x['lanes']}" for x in networks)
        ),
        "values": sum(x["values"] for x in networks),
        "loops_counted": sum(x["loops"] for x in networks),
        "xilinx_vectors": dict(kinds) if stages else "SKIPPED: no ap_int headers (hls4ml)",
        "mismatches": sum(x["mismatches"] for x in wrong),
        "wrong": wrong,
        "seconds": round(time.monotonic() - start, 1),
    }
    text = json.dumps(summary, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
