"""Published ViT accelerators on a ZCU102 beside our plans of the same network.

    python tests/bench/published.py [DATA.csv] [--only DESIGN ...] [--batch N] [--rtl] [--json OUT]

Ours is limited to their DSPs, LUTs, clock and, where it is known, block RAM, has the memory and the
AXI ports of the board for the search to share out, and is MODELLED: exact iterations of the plan's
loops and assumed pipeline fills. Theirs is what they published, of boards. Theirs use 8-bit weights
and activations (or as their row says); ours all 8-bit rows with 8-bit and with 6-bit activations,
half of them, and all 4-bit. The roof is that of their DSPs alone, each with the products that it
packs: four of 6-bit activations, two of 8-bit ones.

Of Quasar-ViT's S and L2 the searched shapes are not published: ours are DeiTs of their sizes (S:
DeiT-T of 13 blocks; L2: DeiT-S) with three eighths of 8-bit rows, a bit more work than S, 4 % less
than L2. --rtl also SIMULATES the kernels that fit: two images of random weights through the whole
kernel as RTL, every stage compared with the integer reference, cycles counted (minutes each).
With --batch, ours take so many images a pass, of which two are simulated.

The aim is 1.4 times theirs with all 8-bit rows, 2.5 times with all 4-bit, 1.6 and 1.35 times with
the networks of Quasar-ViT. Where it is missed:
`aim_above_roof` if those DSPs could not do it were they never idle; `binds` names resources without
whose limit a faster folding exists; `fps_overlapped` is the same folding, were LayerNorm, and what
a softmax takes longer than the products beside it, hidden behind the array's work too.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qnas._util.units import fps, pass_name
from qnas.accel.cost.breakdown import slices
from qnas.accel.device import Device, load_device
from qnas.accel.folding_search.search import speedups_without_limits
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.operations import Gemm, network_operations
from qnas.testing.random_network import random_network

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
DATA = SHARED / "data" / "published_designs" / "zcu102_vit.csv"
EMBED_DIMS = {"T": 192, "S": 384, "B": 768}
VARIANTS = ((8, 8), (8, 6), (4, 6), (0, 6))  # eighths of 8-bit rows, bits of activations
AIMS = {8: 1.4, 0: 2.5}  # times theirs, by eighths of 8-bit rows
PAPER_SHARE = 3  # eighths; of the S they give 39 %
PASSES = 2  # of a simulation: the first of a call, and the next
VECTOR_KINDS = ("norm", "softmax")
WORTH_NAMING = 1.01


@dataclass(frozen=True)
class Paper:
    """What stands for a searched network of Quasar-ViT, and how often its FPS are aimed at."""

    size: str  # of a DeiT
    depth: int
    aim: float


PAPER = {"Quasar-ViT S": Paper("T", 13, 1.6), "Quasar-ViT L2": Paper("S", 12, 1.35)}


@dataclass(frozen=True)
class Case:
    """A network of ours beside a design of theirs (a row of the data)."""

    row: dict[str, str]
    arch: Architecture
    share: int
    aim: float | None


def deit(size: str, share: int, activation_bits: int = 6, *, depth: int = 12) -> Architecture:
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
        blocks=(block,) * depth,
        stem_w8=share,
        head_w8=share,
        activation_bits=activation_bits,
    )


def cases(rows: list[dict[str, str]]) -> Iterator[Case]:
    """Of each design of a DeiT or ViT of a standard size whose DSPs and clock are known all
    VARIANTS, and the networks of Quasar-ViT."""
    models = {f"{kind}-{size}" for kind in ("DeiT", "ViT") for size in EMBED_DIMS}
    for row in rows:
        known = row["dsp"] and row["clock_mhz"] and row["design"] != "UbiMoE"
        if row["design"] in PAPER:
            own = PAPER[row["design"]]
            arch = deit(own.size, PAPER_SHARE, depth=own.depth)
            yield Case(row, arch, PAPER_SHARE, own.aim)
        elif row["model"] in models and known:
            for share, bits in VARIANTS:
                arch = deit(row["model"][-1], share, bits)
                yield Case(row, arch, share, AIMS.get(share))


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


def compare(case: Case, *, batch: int, rtl: bool) -> dict[str, Any]:
    row, arch, aim, device = case.row, case.arch, case.aim, limited(case.row)
    plan, estimate, speedups = speedups_without_limits(arch, device, lut_lanes=True, batch=batch)
    gemms = [op for op in network_operations(arch) if isinstance(op, Gemm)]
    products = device.dsp * plan.packing.products * device.clock_mhz * 1e6
    roof = products / sum(op.atoms for op in gemms)
    gop = 2 * sum(op.rows * op.tokens * op.inner for op in gemms) / 1e9
    parts, used, theirs = slices(plan), estimate.resources, float(row["fps"])
    vector = sum(part.cycles for part in parts if part.kind in VECTOR_KINDS)
    fits = all(getattr(used, r) <= n for r, n in device.limits().items())
    return {
        "design": row["design"],
        "model": row["model"],
        "w8_share": case.share / 8,
        "activation_bits": arch.activation_bits,
        "dsp": device.dsp,
        "clock_mhz": device.clock_mhz,
        "fps_theirs": theirs,
        "batch": batch,
        "fps_ours": round(estimate.fps, 1),
        "times_theirs": round(estimate.fps / theirs, 2),
        "aim": aim,
        "aim_met": aim and estimate.fps >= aim * theirs,
        "aim_above_roof": aim and aim * theirs > roof,
        "roof_share": round(estimate.fps / roof, 3),
        "roof_fps": round(roof, 1),
        "fps_overlapped": round(estimate.fps * estimate.cycles / (estimate.cycles - vector), 1),
        "gops_per_dsp": round(gop * estimate.fps / used.dsp, 2),
        "gops_per_klut": round(1000 * gop * estimate.fps / used.lut, 2),
        "gops_per_dsp_theirs": round(gop * theirs / device.dsp, 2),
        "gops_per_klut_theirs": row["klut"] and round(gop * theirs / float(row["klut"]), 2),
        "dsp_used": used.dsp,
        "lut_used": used.lut,
        "array_time_share": round(sum(p.cycles for p in parts if p.atoms) / estimate.cycles, 3),
        "binds": [r for r, speedup in speedups.items() if speedup > WORTH_NAMING],
        "fits": fits,
        "weight_ports": plan.folding.weight_ports,
        "folding": str(plan.folding),
        "modelled": True,
        "rtl": simulated(arch, plan) if rtl and fits else None,
    }


def simulated(arch: Architecture, plan: HardwarePlan) -> dict[str, Any]:
    """Images of noise through the plan's kernel as RTL, with random weights."""
    member = KernelNetwork(random_network(arch, 0), plan, "network")
    batch = plan.folding.batch
    shape = (PASSES * batch, arch.in_channels, arch.image_size, arch.image_size)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    (found,) = simulate_kernel([member], images)
    return {
        "images": found.images,
        "stages": found.stages,
        "values": found.values,
        "mismatches": found.mismatches,
        "cycles_first": found.cycles_first,
        "cycles_next": round(found.cycles_next),
        "fps": round(fps(found.cycles_next, clock_mhz=plan.clock_mhz, batch=batch), 1),
    }


def line(x: dict[str, Any]) -> str:
    """One variant of ours, under the heading of a design of theirs."""
    if not x["fits"]:
        return f"  w8 {x['w8_share']:4.0%} a{x['activation_bits']}: no folding fits their resources"
    verdict = ""
    if x["aim"]:
        missed = "missed, above what the DSPs can" if x["aim_above_roof"] else "missed"
        verdict = f"; aim {x['aim']}x {'met' if x['aim_met'] else missed}"
    return (
        f"  w8 {x['w8_share']:4.0%} a{x['activation_bits']}: {x['fps_ours']:6} FPS"
        f" = {x['times_theirs']:.2f}x, {x['roof_share']:3.0%} of the roof{verdict};"
        f" {x['gops_per_dsp']:.2f} GOPS/DSP, {x['gops_per_klut']:.2f} GOPS/kLUT;"
        f" weight ports: {x['weight_ports']};"
        f" array at work {x['array_time_share']:.0%};"
        f" binds: {', '.join(x['binds']) or 'lanes searched'}; all hidden {x['fps_overlapped']} FPS"
        + rtl_text(x)
    )


def rtl_text(x: dict[str, Any]) -> str:
    """What the simulation of a kernel says, if there was one."""
    if not x["rtl"]:
        return ""
    found, what = x["rtl"], pass_name(x["batch"])
    return (
        f"\n    simulated as RTL: {found['cycles_next']:,} cycles a further {what} ="
        f" {found['fps']} FPS = {found['fps'] / x['fps_theirs']:.2f}x;"
        f" {found['mismatches']} of {found['values']:,} values differ"
    )


def heading(x: dict[str, Any]) -> str:
    klut = x["gops_per_klut_theirs"] or "?"
    return (
        f"{x['design']}, {x['model']}: {x['dsp']} DSP, {x['clock_mhz']:g} MHz; theirs"
        f" {x['fps_theirs']} FPS, {x['gops_per_dsp_theirs']:.2f} GOPS/DSP, {klut} GOPS/kLUT"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--only", nargs="+", metavar="DESIGN", help="these designs alone")
    parser.add_argument("--batch", type=int, default=1, help="images of a pass of ours")
    parser.add_argument("--rtl", action="store_true", help="simulate the kernels as RTL")
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if not options.data.is_file():
        print(f"SKIPPED: {options.data} is not there; give the path of the published designs.")
        return
    with options.data.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["design"] in (options.only or {r["design"]})]
    found = [compare(case, batch=options.batch, rtl=options.rtl) for case in cases(rows)]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print("Ours: modelled, softmax and LayerNorm included. Theirs: published, of boards.")
    for before, x in zip([None, *found], found, strict=False):
        if before is None or heading(before) != heading(x):
            print(heading(x))
        print(line(x))


if __name__ == "__main__":
    main()
