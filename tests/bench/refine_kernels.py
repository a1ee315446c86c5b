"""A space of small kernels that are all measured: the truth that `refine.py` judges by.

The space is NETWORKS under FOLDINGS. Each kernel is synthesized with Yosys, and two images run
through it in Verilator, every value of every stage compared with the integer reference.
`refine_kernels.csv` has a row a kernel (`values`: so many were compared; 0: cycles are computed).
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from qnas._util.cache import user_cache
from qnas._util.serialization import write_atomically
from qnas.accel.device import load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.cycles import cycles_of_first_pass, cycles_of_pass
from qnas.accel.rtl.kernel.grid import network
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.accel.rtl.kernel.synthesize import synthesize_kernel
from qnas.accel.rtl.synthesize import yosys_version
from qnas.testing.random_network import random_network

FILE = Path(__file__).with_suffix(".csv")
DEVICE = "zcu102"
NETWORKS = tuple(
    (dim, depth, expansion)
    for dim in (16, 24, 32, 40)
    for depth in (1, 2, 3)
    for expansion in (1, 2)
)
FOLDINGS = {
    "2 x 1 x 4": Folding(2, 1, 4, 2),
    "4 x 1 x 4": Folding(4, 1, 4, 2),
    "4 x 2 x 4": Folding(4, 2, 4, 2),
    "4 x 2 x 8": Folding(4, 2, 8, 4),
    "2 x 2 x 4": Folding(2, 2, 4, 2),
    "8 x 2 x 8": Folding(8, 2, 8, 4),
    "4 x 1 x 8": Folding(4, 1, 8, 2),
    "4 x 2 x 4, two of each buffer": Folding(
        4, 2, 4, 2, head_buffers=2, drain_pairs=2, score_pairs=2
    ),
    "4 x 2 x 4, two slots in LUTs": Folding(4, 2, 4, 2, lut_slots=2),
}
TOLERANCE = 0.002  # of cells, from version to version of the RTL
RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")


Key = tuple[str, str, int, int, int]  # device, folding, dim, depth, expansion


@dataclass(frozen=True, slots=True)
class Row:
    """One kernel: what it is, cells by Yosys, simulated cycles, compared values, tool."""

    device: str
    folding: str
    dim: int
    depth: int
    expansion: int
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    cycles: int
    cycles_first: int
    values: int
    tools: str

    @property
    def key(self) -> Key:
        return self.device, self.folding, self.dim, self.depth, self.expansion

    @property
    def measured(self) -> dict[str, float]:
        amounts = (*RESOURCES, "cycles", "cycles_first")
        return {name: float(getattr(self, name)) for name in amounts}

    def plan(self) -> HardwarePlan:
        return plan_of(*self.key)


def plan_of(device: str, folding: str, dim: int, depth: int, expansion: int) -> HardwarePlan:
    sizes = {"dim": dim, "depth": depth, "expansion": expansion}
    arch = network(8, 4, channels=1, heads=2, head_dim=8, **sizes)
    return lower(arch, load_device(device), FOLDINGS[folding])


def space() -> Iterator[Key]:
    """The kernels, folding by folding: equal units are mapped once."""
    for folding in FOLDINGS:
        for one in NETWORKS:
            yield DEVICE, folding, *one


def measure(key: Key) -> Row:
    """Map a kernel, and run two images through it.

    Raises:
        SystemExit: A value differs from the reference, or a cycle from what is computed.
    """
    plan = plan_of(*key)
    arch, total = (
        plan.architecture,
        synthesize_kernel([plan], cache=user_cache() / "measured").total,
    )
    shape = (2, arch.in_channels, arch.image_size, arch.image_size)
    images = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    member = KernelNetwork(random_network(arch, 0), plan, "net")
    (done,) = simulate_kernel([member], images)
    cycles, first = round(done.cycles_next), done.cycles_first
    if not done.passed or (cycles, first) != (cycles_of_pass(plan), cycles_of_first_pass(plan)):
        raise SystemExit(f"{key}: {done}")
    amounts = {name: getattr(total, name) for name in RESOURCES}
    return Row(
        *key,
        **amounts,
        cycles=cycles,
        cycles_first=first,
        values=done.values,
        tools=yosys_version(),
    )


def read_rows(path: Path = FILE) -> tuple[Row, ...]:
    with path.open(newline="", encoding="utf-8") as stream:
        return tuple(_row(record) for record in csv.DictReader(stream))


def _row(record: Mapping[str, str]) -> Row:
    texts = ("device", "folding", "tools")
    cells: dict[str, Any] = {n: t if n in texts else int(t) for n, t in record.items()}
    return Row(**cells)


def write_rows(rows: Iterable[Row], path: Path = FILE) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_atomically(path, text.getvalue())


def complete(keys: Sequence[Key], out: Path) -> None:
    """Measure what the table lacks of these kernels, and write it after each."""
    known = {row.key: row for row in read_rows(out)} if out.exists() else {}
    for key in keys:
        if key not in known:
            start = time.perf_counter()
            known[key] = measure(key)
            write_rows([known[one] for one in keys if one in known], out)
            seconds = time.perf_counter() - start
            count = f"{len(known)}/{len(keys)}"
            print(f"{count} {key}: {known[key].lut:,} LUT, {seconds:.0f} s", flush=True)


def check(count: int, out: Path) -> None:
    """Measure some rows again, evenly spread; raises SystemExit if cycles differ, or resources by
    more than TOLERANCE."""
    rows = read_rows(out)
    for row in rows[:: max(1, len(rows) // count)][:count]:
        was, now = row.measured, measure(row.key).measured
        off = {name: now[name] / max(was[name], 1.0) - 1 for name in was if now[name] != was[name]}
        if any(abs(x) > TOLERANCE or name.startswith("cycles") for name, x in off.items()):
            raise SystemExit(f"{row.key}: was {was}, is {now}")
        differing = ", ".join(f"{name} {x:+.3%}" for name, x in off.items())
        print(f"{row.key}: {differing or 'as in the table'}", flush=True)
