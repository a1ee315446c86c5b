"""The whole proof that C++ equals the integer reference: `make verify-full`.

    python -m tests.accel.full [--designs 60] [--vectors 1000] [--json OUT]

Random networks under random foldings, of both activation widths and all shares of 8-bit rows, one
to three images a pass, all products packed as the DSPs do, every loop counted, every access to a
memory watched (the probe), and every loop's interval and depth analysed at the clock of the board
and, of a fast one, at 200 MHz. Then stages with Xilinx's own ap_int: random networks until each
kind of stage has seen so many vectors (a result of a token, a query, or of all rows of a GEMM for
one token), and networks and images at the corners of every format. Exit status 1 on a mismatch, a
fault or a slow loop, with the designs that show it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from qnas.accel.csim.toolchain import Toolchain, find_ap_int
from qnas.accel.csim.verify import Verification, verify_project
from qnas.accel.hls.analysis.timing import Timing, analyse
from qnas.accel.plan.plan import HardwarePlan
from tests.accel.corners import CORNERS, at_corner
from tests.accel.projects import QUICK, Design, batch_of, lanes, random_design

WORKERS = 2
FAST_BOARD_MHZ, FAST_MHZ = 150.0, 200.0
WITH_XILINX = 8  # designs, of both widths, that share the vectors with Xilinx's headers


def shares(design: Design) -> set[int]:
    """Eighths of 8-bit rows in the matrices of a network."""
    arch = design.network.architecture
    own = {getattr(block.w8, f.name) for block in arch.blocks for f in fields(block.w8)}
    return own | {arch.stem_w8, arch.head_w8}


def vectors(plan: HardwarePlan, images: int) -> Counter[str]:
    """Vectors of each kind of stage, GEMMs by what becomes of their sums."""
    counts: Counter[str] = Counter()
    for stage in plan.stages:
        counts[f"{stage.kind} {stage.epilogue}".strip()] += images * stage.tokens
    return counts


def verified(design: Design, toolchain: Toolchain, *, probe: bool = False) -> Verification:
    with tempfile.TemporaryDirectory(prefix="qnas-full-") as folder:
        (found,) = verify_project(
            design.write(Path(folder) / "project"),
            [design.network],
            design.images,
            design.labels,
            toolchain=toolchain,
            packed_images=None,
            probe=probe,
        )
        return found


def stand_in(seed: int) -> dict[str, Any]:
    design = random_design(seed, images=5, batch=batch_of(seed))
    found = verified(design, QUICK, probe=True)
    assert found.probe is not None
    timings = analysed(design)
    return {
        "seed": seed,
        "activation_bits": design.plan.activation_bits,
        "lanes": lanes(design.plan),
        "batch": design.plan.folding.batch,
        "shares": shares(design),
        "loops": sum(len(stage.loops) for stage in design.plan.stages),
        "values": found.values,
        "mismatches": found.mismatches,
        "first_mismatch": str(found.first_mismatch),
        "claims": found.probe.claims,
        "watched": found.probe.iterations,
        "faults": found.probe.faults,
        "slow": [f"{t.clock_mhz:g} MHz: {loop}" for t in timings for loop in t.slow],
        "analysed": sum(len(t.loops) for t in timings),
        "deepest": max(loop.depth for loop in timings[0].loops),
    }


def analysed(design: Design) -> tuple[Timing, ...]:
    """At the design's clock, and at one that cards have where its board is as fast."""
    own = design.plan.clock_mhz
    clocks = (own, FAST_MHZ) if own >= FAST_BOARD_MHZ else (own,)
    return analyse(design.files(), design.plan, design.device, clocks_mhz=clocks)


def with_xilinx(seed: int, *, wanted: int, ap_int: Path) -> list[dict[str, Any]]:
    """Random vectors, then those of the four corners."""
    toolchain = Toolchain(flags=("-O1",), ap_int=ap_int)
    batch = batch_of(seed)
    each = min(vectors(random_design(seed).plan, 1).values())
    design = random_design(seed, images=-(-wanted // (WITH_XILINX * each)), batch=batch)
    cases = {"random": design, **{corner: at_corner(design, corner) for corner in CORNERS}}
    return [
        {
            "seed": seed,
            "case": name,
            "vectors": vectors(case.plan, len(case.images)),
            "mismatches": (found := verified(case, toolchain)).mismatches,
            "first_mismatch": str(found.first_mismatch),
        }
        for name, case in cases.items()
    ]


def counted(stages: list[dict[str, Any]], *, random: bool) -> dict[str, int]:
    """Vectors by kind of stage, of the random cases or of the corners."""
    kinds: Counter[str] = Counter()
    for stage in stages:
        if (stage["case"] == "random") == random:
            kinds.update(stage["vectors"])
    return dict(kinds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--designs", type=int, default=60)
    parser.add_argument("--vectors", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    start, ap_int = time.monotonic(), find_ap_int()
    with ThreadPoolExecutor(WORKERS) as pool:
        networks = list(pool.map(stand_in, range(options.designs)))
        stages: list[dict[str, Any]] = []
        if ap_int is not None:
            run = partial(with_xilinx, wanted=options.vectors, ap_int=ap_int)
            stages = [case for cases in pool.map(run, range(WITH_XILINX)) for case in cases]
    wrong = [x for x in (*networks, *stages) if x["mismatches"] or x.get("faults") or x.get("slow")]
    skipped = "SKIPPED: no ap_int headers (hls4ml)"
    summary = {
        "networks": len(networks),
        "by_width_and_lanes": dict(
            Counter(f"{x['activation_bits']} bits, {x['lanes']}" for x in networks)
        ),
        "by_images_of_a_pass": dict(Counter(x["batch"] for x in networks)),
        "shares_of_8_bit_rows": sorted(set().union(*(x["shares"] for x in networks))),
        "values": sum(x["values"] for x in networks),
        "loops_counted": sum(x["loops"] for x in networks),
        "iterations_watched": sum(x["watched"] for x in networks),
        "claims_held": sum(x["claims"] for x in networks),
        "faults": sum(len(x["faults"]) for x in networks),
        "loops_analysed": sum(x["analysed"] for x in networks),
        "slow_loops": sum(len(x["slow"]) for x in networks),
        "deepest_pipeline": max(x["deepest"] for x in networks),
        "xilinx_random_vectors": counted(stages, random=True) if stages else skipped,
        "xilinx_corner_vectors": counted(stages, random=False) if stages else skipped,
        "mismatches": sum(x["mismatches"] for x in wrong),
        "wrong": wrong,
        "seconds": round(time.monotonic() - start, 1),
        "processor_seconds": round(sum(os.times()[:4]), 1),
    }
    text = json.dumps(summary, indent=1, default=sorted)
    if options.json:
        options.json.write_text(text + "\n")
    print(text)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
