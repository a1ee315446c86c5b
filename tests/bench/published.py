"""Published ViT accelerators on a ZCU102 beside our plans of the same network.

    python tests/bench/published.py [DATA.csv] [--json OUT]

Ours is limited to their DSPs, LUTs, clock and, where it is known, block RAM, and is MODELLED: exact
iterations of the plan's loops and assumed pipeline fills. Theirs is what they published, of boards.
The roof is that of their DSPs alone, four products of 4 x 6 bits each a cycle. Theirs use 8-bit
weights and activations (or as their row says); ours 4-bit and 8-bit rows and 6-bit activations.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from qnas.accel.device import RESOURCES, Device, load_device
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.objectives.cost.analytic import price
from qnas.objectives.cost.breakdown import slices
from qnas.objectives.folding_search import best_plan, candidate_foldings
from qnas.operations import Gemm, network_operations

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
DATA = SHARED / "data" / "published_designs" / "zcu102_vit.csv"
EMBED_DIMS = {"T": 192, "S": 384, "B": 768}
SHARES = (8, 4, 0)
PRODUCTS_PER_DSP = 4
WORTH_NAMING = 1.01


def deit(size: str, share: int) -> Architecture:
    """DeiT-T, -S or -B at 224 pixels, all weights with `share` eighths of 8-bit rows."""
    dim = EMBED_DIMS[size]
    block = BlockSpec(dim // 64, 4 * dim, W8Shares(share, share, share, share))
    return Architecture(
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        embed_dim=dim,
        head_dim=64,
        blocks=(block,) * 12,
        stem_w8=share,
        head_w8=share,
    )


def comparable(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Designs of a DeiT or ViT of a standard size whose DSPs and clock are known."""
    return [
        row
        for row in rows
        if row["model"] in {f"{kind}-{size}" for kind in ("DeiT", "ViT") for size in EMBED_DIMS}
        and row["dsp"]
        and row["clock_mhz"]
        and row["design"] != "UbiMoE"
    ]


def limited(row: dict[str, str]) -> Device:
    """A ZCU102 with the design's resources, all of which may be used."""
    board = load_device("zcu102")
    return replace(
        board,
        dsp=int(row["dsp"]),
        lut=round(1000 * float(row["klut"])) if row["klut"] else board.lut,
        bram18=round(2 * float(row["bram36"])) if row["bram36"] else board.bram18,
        clock_mhz=float(row["clock_mhz"]),
        margins=replace(board.margins, dsp=1.0, lut=1.0, bram18=1.0),
    )


def compare(row: dict[str, str], share: int) -> dict[str, Any]:
    device, arch = limited(row), deit(row["model"][-1], share)
    plan, estimate = best_plan(arch, device, lut_lanes=True)
    gemms = [op for op in network_operations(arch) if isinstance(op, Gemm)]
    roof = device.dsp * PRODUCTS_PER_DSP * device.clock_mhz * 1e6 / sum(op.atoms for op in gemms)
    gops = 2 * sum(op.rows * op.tokens * op.inner for op in gemms) * estimate.fps / 1e9
    array_cycles = sum(part.cycles for part in slices(plan) if part.atoms)
    used = estimate.resources
    return {
        "design": row["design"],
        "model": row["model"],
        "w8_share": share / 8,
        "dsp": device.dsp,
        "clock_mhz": device.clock_mhz,
        "fps_theirs": float(row["fps"]),
        "fps_ours": round(estimate.fps, 1),
        "roof_share": round(estimate.fps / roof, 3),
        "roof_fps": round(roof, 1),
        "gops_per_dsp": round(gops / used.dsp, 2),
        "gops_per_klut": round(1000 * gops / used.lut, 2),
        "dsp_used": used.dsp,
        "lut_used": used.lut,
        "array_time_share": round(array_cycles / estimate.cycles, 3),
        "binds": list(_binding(arch, device)),
        "fits": all(getattr(used, r) <= n for r, n in device.limits().items()),
        "folding": str(plan.folding),
        "modelled": True,
    }


def _binding(arch: Architecture, device: Device) -> Iterator[str]:
    """Resources without whose limit a faster folding would be taken."""
    folding, legal = candidate_foldings(arch, device, lut_lanes=True)
    prices, limits = price(arch, device, folding), device.limits()
    over = {r: prices.resources[r] > limits[r] for r in RESOURCES}
    fits = legal & ~np.any(list(over.values()), axis=0)
    if not fits.any():
        yield "nothing fits"
        return
    for resource in RESOURCES:
        others = [over[r] for r in RESOURCES if r != resource]
        freed = prices.cycles[legal & ~np.any(others, axis=0)].min()
        if prices.cycles[fits].min() > WORTH_NAMING * freed:
            yield str(resource)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if not options.data.is_file():
        print(f"SKIPPED: {options.data} is not there; give the path of the published designs.")
        return
    with options.data.open(newline="", encoding="utf-8") as file:
        rows = comparable(list(csv.DictReader(file)))
    found = [compare(row, share) for row in rows for share in SHARES]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print("Ours: modelled. Theirs: published. Roof: their DSPs, four products each.")
    for x in found:
        print(
            f"{x['design']:20} {x['model']:6} w8 {x['w8_share']:4} {x['dsp']:5} DSP"
            f" {x['clock_mhz']:5} MHz  theirs {x['fps_theirs']:6} ours {x['fps_ours']:6} FPS"
            f" = {x['fps_ours'] / x['fps_theirs']:.2f}x, {x['roof_share']:.0%} of the roof;"
            f" {x['gops_per_dsp']} GOPS/DSP, {x['gops_per_klut']} GOPS/kLUT;"
            f" array at work {x['array_time_share']:.0%} of the time;"
            f" binds: {', '.join(x['binds']) or 'lanes searched'}"
        )


if __name__ == "__main__":
    main()
