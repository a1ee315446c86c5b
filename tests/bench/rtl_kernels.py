"""Kernels as RTL: cycles simulated beside modelled ones, image by image.

    python tests/bench/rtl_kernels.py [OUT.csv] [--only NAME ...] [--first N] [--check]
    python tests/bench/rtl_kernels.py --json OUT

Two images of random weights run through each kernel in Verilator, every stage compared with the
integer reference. A row holds the cycles of a call's first image and of the next one, what
`accel/rtl/kernel/cycles.py` says of the latter (RTL) and what the cost model says (C++, whose
pipelines are deeper). Rows that are there, of the same sources, are not made again; with --check
all are, and their figures must be as they are in the file. Beside OUT.csv lies OUT.md, a page of
the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from qnas._util.serialization import digest, write_atomically
from qnas.accel.cost.analytic import estimate
from qnas.accel.device import load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.rtl.kernel.cycles import cycles_of_image
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.accel.rtl.kernel.sources import kernel_sources
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.testing.random_network import random_network

TABLE = Path(__file__).resolve().parents[2] / "docs/benchmarks/rtl_kernels.csv"
IMAGES = 2
DIGITS = Folding(tm=8, tt=4, tk=8, vl=4)
SMALL = Folding(tm=8, tt=8, tk=16, vl=8, head_buffers=2, drain_pairs=2)


@dataclass(frozen=True)
class Row:
    """One network of one kernel."""

    kernel: str
    network: int
    device: str
    activation_bits: int
    folding: str
    values: int
    mismatches: int
    cycles_first: int
    cycles_next: int
    cycles_rtl_model: int
    cycles_cpp_model: int
    sources: str


@dataclass(frozen=True)
class Kernel:
    """Networks under a folding."""

    archs: tuple[Architecture, ...]
    folding: Folding
    device: str = "zcu102"

    def members(self) -> list[KernelNetwork]:
        board = load_device(self.device)
        return [
            KernelNetwork(
                random_network(arch, index),
                lower(arch, board, self.folding, share_with=self.archs),
                f"net{index}",
            )
            for index, arch in enumerate(self.archs)
        ]


def network(
    side: int, patch: int, *, channels: int, dim: int, depth: int, heads: int, bits: int = 6
) -> Architecture:
    """Heads of 16 channels, a hidden layer of twice `dim`, all kinds of rows."""
    block = BlockSpec(heads, 2 * dim, W8Shares(2, 8, 0, 4))
    return Architecture(
        image_size=side,
        patch_size=patch,
        in_channels=channels,
        num_classes=10,
        embed_dim=dim,
        head_dim=16,
        blocks=(block,) * depth,
        stem_w8=8,
        head_w8=4,
        activation_bits=bits,
    )


def digits(dim: int = 40, depth: int = 2, bits: int = 6) -> Architecture:
    return network(8, 2, channels=1, dim=dim, depth=depth, heads=2, bits=bits)


def small28(bits: int = 6) -> Architecture:
    return network(28, 4, channels=1, dim=48, depth=2, heads=2, bits=bits)


def small32(bits: int = 6) -> Architecture:
    return network(32, 4, channels=3, dim=48, depth=3, heads=2, bits=bits)


KERNELS = {
    "digits": Kernel((digits(),), DIGITS),
    "digits, two head buffers": Kernel((digits(),), replace(DIGITS, head_buffers=2, drain_pairs=2)),
    "digits, two weight ports": Kernel((digits(),), replace(DIGITS, weight_ports=2)),
    "digits, four weight ports": Kernel((digits(),), replace(DIGITS, weight_ports=4)),
    "digits, slots in LUTs": Kernel((digits(),), replace(DIGITS, lut_slots=4)),
    "digits, all slots in LUTs": Kernel((digits(),), replace(DIGITS, lut_slots=8)),
    "digits, 8 bits": Kernel((digits(bits=8),), DIGITS),
    "digits, 8 bits, two head buffers": Kernel((digits(bits=8),), replace(DIGITS, head_buffers=2)),
    "digits, DSP48E1": Kernel((digits(),), DIGITS, "pynq_z2"),
    "digits, DSP48E1, 8 bits": Kernel((digits(bits=8),), DIGITS, "pynq_z2"),
    "digits, two networks": Kernel((digits(), digits(dim=32, depth=3)), DIGITS),
    "digits, narrow": Kernel((digits(),), Folding(tm=2, tt=1, tk=4, vl=2)),
    "digits, wide": Kernel((digits(),), Folding(tm=16, tt=6, tk=16, vl=8, drain_pairs=2)),
    "small28": Kernel((small28(),), SMALL),
    "small28, 8 bits": Kernel((small28(8),), SMALL),
    "small28, two weight ports": Kernel((small28(),), replace(SMALL, weight_ports=2)),
    "small28, one head buffer": Kernel((small28(),), replace(SMALL, head_buffers=1)),
    "small32": Kernel((small32(),), SMALL),
    "small32, 8 bits": Kernel((small32(8),), SMALL),
    "small32, four weight ports": Kernel((small32(),), replace(SMALL, weight_ports=4)),
}


def rows_of(name: str) -> Iterator[Row]:
    """Simulate a kernel of `KERNELS`: a row a network."""
    kernel = KERNELS[name]
    members = kernel.members()
    arch = kernel.archs[0]
    side = arch.image_size
    shape = (IMAGES, arch.in_channels, side, side)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    found = simulate_kernel(members, images)
    f = kernel.folding
    for index, (member, one) in enumerate(zip(members, found, strict=True)):
        yield Row(
            kernel=name,
            network=index,
            device=kernel.device,
            activation_bits=arch.activation_bits,
            folding=" ".join(f"{x.name}={getattr(f, x.name)}" for x in fields(f)),
            values=one.values,
            mismatches=one.mismatches,
            cycles_first=one.cycles_first,
            cycles_next=round(one.cycles_next),
            cycles_rtl_model=cycles_of_image(member.plan),
            cycles_cpp_model=estimate(member.plan).cycles,
            sources=sources_of(name),
        )


def sources_of(name: str) -> str:
    """Digest of what a kernel is built of."""
    sources = kernel_sources([member.plan for member in KERNELS[name].members()])
    return digest(sources, length=16)


def read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    kinds = {field.name: int if field.type == "int" else str for field in fields(Row)}
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(**{k: kinds[k](v) for k, v in r.items()}) for r in csv.DictReader(file)]


def write_rows(path: Path, rows: list[Row]) -> None:
    names = [field.name for field in fields(Row)]
    order = list(KERNELS)
    rows = sorted(rows, key=lambda row: (order.index(row.kernel), row.network))
    lines = [names, *([str(getattr(row, name)) for name in names] for row in rows)]
    text = "".join(",".join(f'"{c}"' if "," in c else c for c in line) + "\n" for line in lines)
    write_atomically(path, text)


def figures(row: Row) -> Row:
    """A row but for what it was built of."""
    return replace(row, sources="")


def page(rows: list[Row]) -> str:
    """The table for people."""
    order = list(KERNELS)
    rows = sorted(rows, key=lambda row: (order.index(row.kernel), row.network))
    exact = sum(row.cycles_next == row.cycles_rtl_model for row in rows)
    values, wrong = sum(row.values for row in rows), sum(row.mismatches for row in rows)
    lines = [
        "# Kernels as RTL",
        "",
        "Made by `python tests/bench/rtl_kernels.py`, from `docs/benchmarks/rtl_kernels.csv`.",
        "Two images through each kernel in Verilator, in one call, from a memory that answers",
        "after 64 clocks and then brings a word a clock.",
        "",
        f"- Values compared with the integer reference: {values:,}, of which {wrong} differ.",
        "- The cycles of the further image are exactly those of `accel/rtl/kernel/cycles.py`",
        f"  (PLAN.md, section 10) in {exact} of {len(rows)} rows.",
        "- The cost model is that of the C++, whose pipelines are deeper: last column.",
        "",
        "| kernel | bits | board | first image | further image | C++, modelled | more |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        more = row.cycles_cpp_model / row.cycles_next - 1
        name = row.kernel if row.network == 0 else f"{row.kernel}: network {row.network}"
        cycles = f"{row.cycles_first:,} | {row.cycles_next:,} | {row.cycles_cpp_model:,}"
        board = f"{row.activation_bits} | {row.device}"
        lines.append(f"| {name} | {board} | {cycles} | {more:+.1%} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--only", nargs="*", choices=sorted(KERNELS), default=list(KERNELS))
    parser.add_argument("--first", type=int, default=len(KERNELS), help="so many of them")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", type=Path, help="write the rows here, and no table")
    options = parser.parse_args()
    out = options.out or TABLE
    known = [] if options.json else [row for row in read_rows(out) if row.kernel in KERNELS]
    faults = 0
    for name in options.only[: options.first]:
        there = [row for row in known if row.kernel == name]
        if not options.check and there and there[0].sources == sources_of(name):
            continue
        made = list(rows_of(name))
        for row in made:
            print(f"{name}: {row.cycles_next} cycles, model {row.cycles_rtl_model}", flush=True)
        faults += sum(row.mismatches > 0 or row.cycles_next != row.cycles_rtl_model for row in made)
        if options.check:
            faults += [figures(row) for row in made] != [figures(row) for row in there]
            continue
        known = [*(row for row in known if row.kernel != name), *made]
        if not options.json:
            write_rows(out, known)
            write_atomically(out.with_suffix(".md"), page(known))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in known], indent=2) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
