"""Speed of the cost model, and of the folding search.

    python tests/bench/cost_model.py [--json OUT]

One core. `pairs_per_s`: (architecture, folding) pairs priced in sweeps, legal foldings alone;
beside it the same estimates one plan at a time, and what rule4ml publishes for one model and target
(0.1 to 0.24 ms; a learned predictor: another thing, named for scale). `check_s` and `check_cpu_s`
are wall and processor time of the whole command `qnas check digits_zcu102`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.cost.analytic import estimate, price
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import best_plan, candidate_foldings
from qnas.accel.plan.folding import FIELDS, Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.spaces import load_space

RULE4ML_MS = (0.1, 0.24)
REPEATS = 5
ONE_BY_ONE = 20


def deit_small() -> Architecture:
    block = BlockSpec(6, 4 * 384, W8Shares(4, 4, 4, 4))
    return Architecture(
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        embed_dim=384,
        head_dim=64,
        blocks=(block,) * 12,
    )


def seconds(run: Callable[[], object]) -> float:
    """The best of a few runs, CPU time."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def measure(arch: Architecture, device: Device) -> dict[str, Any]:
    folding, legal = candidate_foldings(arch, device)
    count = int(legal.sum())
    sweep = seconds(lambda: price([arch], device, folding))
    return {
        "foldings": count,
        "pairs_per_s": round(count / sweep),
        "folding_search_s": round(seconds(lambda: best_plan(arch, device)), 4),
        "pairs_per_s_one_plan_at_a_time": round(_one_by_one(arch, device, folding, legal), 1),
    }


def _one_by_one(arch: Architecture, device: Device, folding: Folding, legal: Any) -> float:
    """Plans lowered and priced a second; asserts that the sweep says the same."""
    prices = price([arch], device, folding)
    fields = np.broadcast_arrays(*(getattr(folding, name) for name in FIELDS))
    allowed = np.flatnonzero(np.broadcast_to(legal, prices.cycles.shape))
    chosen = allowed[:: max(1, len(allowed) // ONE_BY_ONE)]
    start = time.process_time()
    for index in chosen:
        one = Folding(*(int(field.flat[index]) for field in fields))
        assert estimate(lower(arch, device, one)) == prices.at(index)
    return float(len(chosen) / (time.process_time() - start))


def check_seconds() -> dict[str, float]:
    """The best of a few runs: wall time, and processor time, which other work disturbs less."""
    command = [sys.executable, "-c", "from qnas.cli.main import main; main()", "check"]
    wall, cpu = [], []
    for _ in range(REPEATS):
        start, before = time.perf_counter(), _children_seconds()
        subprocess.run([*command, "digits_zcu102"], check=True, stdout=subprocess.DEVNULL)
        wall.append(time.perf_counter() - start)
        cpu.append(_children_seconds() - before)
    return {"check_s": round(min(wall), 3), "check_cpu_s": round(min(cpu), 3)}


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    device = load_device("zcu102")
    networks = {"digits": load_space("digits").largest(), "deit_small": deit_small()}
    found = {name: measure(arch, device) for name, arch in networks.items()}
    worst = {
        "pairs_per_s": min(x["pairs_per_s"] for x in found.values()),
        "folding_search_s": max(x["folding_search_s"] for x in found.values()),
        **check_seconds(),
        "rule4ml_published_ms": RULE4ML_MS,
        "networks": found,
    }
    if options.json:
        options.json.write_text(json.dumps(worst, indent=1) + "\n")
    for name, x in found.items():
        print(
            f"{name:10} {x['foldings']:6} foldings searched in {x['folding_search_s']:.3f} s;"
            f" {x['pairs_per_s']:,} pairs/s in sweeps ({1e3 / x['pairs_per_s']:.5f} ms each),"
            f" {x['pairs_per_s_one_plan_at_a_time']:,} one plan at a time"
        )
    print(f"rule4ml, as published: {RULE4ML_MS[0]} to {RULE4ML_MS[1]} ms a model and target")
    print(
        f"qnas check digits_zcu102: {worst['check_s']} s, {worst['check_cpu_s']} s of processor"
        " time, interpreter included"
    )


if __name__ == "__main__":
    main()
