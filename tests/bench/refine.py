"""What do predictions and rounds of measuring change in a search, judged by the measured truth?

    python tests/bench/refine.py --measure [--limit N] [--simulate N]  # the truth: an hour
    python tests/bench/refine.py [--seeds N] [--json OUT]               # seconds

The space is a list of small kernels, NETWORKS under FOLDINGS. All are synthesized with Yosys
(`refine_kernels.json`), so that every answer can be judged. Cycles are computed, which is exact to
the clock wherever they were simulated; --simulate counts some of them.

A seed draws an error for every network (smaller for larger ones, give or take) and TASKS pairs of a
LUT limit and an FPS target. A search here takes every kernel of the space: its front is that of the
predicted cycles and LUTs and of the error. A pick is the kernel of least error that is predicted to
keep both bounds of a task. Ways:

- `raw`: the cost model's estimates of the C++.
- `default`: predictions with the table of kernels that comes with qnas.
- `round 1` to `round 3`: after that many rounds of `qnas refine`, KERNELS measured each.
- `random 1` to `random 3`: with as many of the space at random.
- `... sure`: picks with `confidence = 0.9`.

`hypervolume`: of the front's true points, over that of a search that knows the truth. `wrong`:
share of picks that in truth break the limit or miss the target. `missed`: share of tasks with a
true answer and no pick. `width`: mean width of the front's intervals of LUTs. Means with 95 %
intervals over the seeds (Student's t).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from qnas._util.cache import user_cache
from qnas.accel.calibration.active import choose, processes_of
from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.designs import Designs, Floats, Setup
from qnas.accel.calibration.file import read_designs_file, write_calibration
from qnas.accel.calibration.kernels import (
    MEASURED,
    KernelDesign,
    designs_of,
    kernel_design,
    shipped_designs,
    structural,
)
from qnas.accel.cost.analytic import estimate
from qnas.accel.device import load_device
from qnas.accel.hls.emit.member import KernelNetwork
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.kernel.cycles import cycles_of_first_image, cycles_of_image
from qnas.accel.rtl.kernel.grid import network
from qnas.accel.rtl.kernel.simulate import simulate_kernel
from qnas.accel.rtl.kernel.synthesize import synthesize_kernel
from qnas.accel.rtl.synthesize import yosys_version
from qnas.pareto import Box, hypervolume, nondominated
from qnas.testing.random_network import random_network

FILE = Path(__file__).with_name("refine_kernels.json")
NETWORKS = tuple(
    (dim, depth, expansion) for dim in (16, 24, 32) for depth in (1, 2) for expansion in (1, 2)
)
FOLDINGS = (
    Folding(2, 1, 4, 2),
    Folding(4, 1, 4, 2),
    Folding(4, 2, 4, 2),
    Folding(4, 2, 8, 4),
    Folding(8, 2, 8, 4),
)
ROUNDS, KERNELS, TASKS = 3, 4, 20
AXES = ("cycles", "lut")  # beside the error
SIZE, NOISE = 1.5, 1.0  # of the error (%), by doubling of the network's size, and at random
RATIO = 1e6  # clocks a second, over those an image takes


def plans() -> Iterator[HardwarePlan]:
    """The kernels of the space, folding by folding: equal units are mapped once."""
    board = load_device("zcu102")
    for folding in FOLDINGS:
        for dim, depth, expansion in NETWORKS:
            arch = network(
                *(8, 4),
                channels=1,
                dim=dim,
                depth=depth,
                heads=2,
                head_dim=8,
                expansion=expansion,
            )
            yield lower(arch, board, folding)


def measured(plan: HardwarePlan, *, simulated: bool) -> dict[str, float]:
    """Cells by Yosys, and cycles, computed or simulated."""
    found = synthesize_kernel([plan], cache=user_cache() / "measured").total
    amounts = {name: float(getattr(found, name)) for name in ("lut", "ff", "dsp", "bram18", "uram")}
    cycles, first = cycles_of_image(plan), cycles_of_first_image(plan)
    if simulated:
        arch = plan.architecture
        images = np.zeros((2, arch.in_channels, arch.image_size, arch.image_size), np.float32)
        member = KernelNetwork(random_network(arch, 0), plan, "net")
        (done,) = simulate_kernel([member], images)
        assert done.passed and (done.cycles_next, done.cycles_first) == (cycles, first)
    return {**amounts, "cycles": float(cycles), "cycles_first": float(first)}


def measure(limit: int, simulate: int) -> None:
    """Measure kernels that the file lacks, and write it after each."""
    known = {d.name: d for d in kept()} if FILE.exists() else {}
    everything = list(plans())[: limit or None]
    step = max(1, len(everything) // max(1, simulate))
    for count, plan in enumerate(everything):
        start = time.perf_counter()
        simulated = bool(simulate) and count % step == 0
        design = kernel_design([plan], {}, backend="rtl")
        if design.name in known:
            continue
        amounts = measured(plan, simulated=simulated)
        known[design.name] = kernel_design([plan], amounts, backend="rtl")
        seconds = time.perf_counter() - start
        note = ", simulated" if simulated else ""
        lut = amounts["lut"]
        print(f"{count + 1}/{len(everything)}: {lut:,.0f} LUT, {seconds:.0f} s{note}", flush=True)
        if len(known) >= 5:
            designs = designs_of(list(known.values()))
            setup = Setup(yosys_version(), MEASURED)
            write_calibration(FILE, fit(designs, subject="rtl", setup=setup))


def kept() -> list[KernelDesign]:
    """The measured kernels of the file, in the order of the space."""
    _, _, designs = read_designs_file(FILE)
    row = {str(name): index for index, name in enumerate(designs.names)}
    found = []
    for plan in plans():
        design = kernel_design([plan], {}, backend="rtl")
        if design.name in row:
            at = row[design.name]
            amounts = {name: float(column[at]) for name, column in designs.measured.items()}
            found.append(kernel_design([plan], amounts, backend="rtl"))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Kernels with their truth; `raw` are the estimates of the C++, (kernels, AXES)."""

    designs: Designs
    sizes: Floats
    raw: Floats

    @property
    def truth(self) -> Floats:
        return np.stack([self.designs.measured[name] for name in AXES], axis=1)

    @classmethod
    def of(cls, kernels: list[KernelDesign]) -> Space:
        by_name = {design.name: design for design in kernels}
        rows, sizes = [], []
        for plan in plans():
            design = kernel_design([plan], {}, backend="rtl")
            if design.name in by_name:
                found = structural([plan], estimate(plan), backend="c++")
                rows.append([found[name] for name in AXES])
                arch = plan.architecture
                sizes.append(arch.embed_dim * sum(block.mlp_hidden for block in arch.blocks))
        return cls(designs_of(kernels), np.array(sizes, float), np.array(rows))


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a way predicts: (kernels, AXES) values and ends."""

    value: Floats
    low: Floats
    high: Floats


def told(space: Space, known: Calibration, exact: list[int]) -> Told:
    """Predictions of all kernels; those in `exact` are measured."""
    found = known.predict(space.designs)
    at = [found.amounts.index(name) for name in AXES]
    parts = [np.array(part[:, at]) for part in (found.value, found.low, found.high)]
    for part in parts:
        part[exact] = space.truth[exact]
    return Told(*parts)


def front(errors: Floats, amounts: Floats) -> Floats:
    """Which kernels no other dominates in error, cycles and LUTs."""
    mask: Floats = nondominated(np.column_stack([errors, amounts]))
    return mask


def ways(space: Space, errors: Floats, seed: int) -> Iterator[tuple[str, Told]]:
    """Each way with what it predicts."""
    yield "raw", Told(space.raw, space.raw, space.raw)
    setup, shipped = shipped_designs()
    begin = fit(shipped, subject="rtl", setup=setup)
    yield "default", told(space, begin, [])
    order = [int(i) for i in np.random.default_rng(1000 + seed).permutation(len(space.designs))]
    exact, now = list[int](), told(space, begin, [])
    for number in range(1, ROUNDS + 1):
        exact += _teaching(space, errors, shipped, exact, now)
        now = told(space, _fitted(space, shipped, setup, exact), exact)
        yield f"round {number}", now
        some = order[: number * KERNELS]
        yield f"random {number}", told(space, _fitted(space, shipped, setup, some), some)


def _fitted(space: Space, shipped: Designs, setup: Setup, exact: list[int]) -> Calibration:
    both = shipped.plus(space.designs.subset(np.array(exact, np.int64)))
    return fit(both.merged("space"), subject="rtl", setup=setup)


def _teaching(
    space: Space, errors: Floats, shipped: Designs, exact: list[int], now: Told
) -> list[int]:
    members = np.flatnonzero(front(errors, now.value))
    left = [int(i) for i in members if i not in exact]
    names = tuple(shipped.features)
    known = shipped.plus(space.designs.subset(np.array(exact, np.int64)))
    x = space.designs.inputs(names)
    found = choose(
        processes_of(known, ("lut", "ff", "cycles")),
        known.inputs(names),
        x[left],
        goals=x[members],
        weights=np.ones(len(members)),
        count=KERNELS,
    )
    return [left[i] for i in found]


def judge(space: Space, errors: Floats, way: Told, tasks: Floats) -> dict[str, float]:
    """Figures of a way, by the truth."""
    truth = np.column_stack([errors, space.truth])
    chosen = np.flatnonzero(front(errors, way.value))
    box = Box.around(truth)
    best = hypervolume(truth, box)
    widths = (way.high - way.low)[chosen, 1] / way.value[chosen, 1]
    figures = {
        "hypervolume": hypervolume(truth[chosen], box) / best,
        "width": float(widths.mean()),
    }
    for name, most, cycles in (
        ("", way.value[:, 1], way.value[:, 0]),
        ("_sure", way.high[:, 1], way.high[:, 0]),
    ):
        picks = [_pick(errors, cycles, most, *task) for task in tasks]
        answers = [_pick(errors, *space.truth.T, *task) for task in tasks]
        made = [(p, task) for p, task in zip(picks, tasks, strict=True) if p is not None]
        wrong = [
            space.truth[p, 1] > limit or RATIO / space.truth[p, 0] < fps for p, (limit, fps) in made
        ]
        lost = [p is None and a is not None for p, a in zip(picks, answers, strict=True)]
        figures[f"wrong{name}"] = float(np.mean(wrong)) if made else 0.0
        figures[f"missed{name}"] = float(np.mean(lost))
    return figures


def _pick(errors: Floats, cycles: Floats, lut: Floats, limit: float, fps: float) -> int | None:
    keeps = np.flatnonzero((lut <= limit) & (cycles <= RATIO / fps))
    return int(keeps[np.argmin(errors[keeps])]) if len(keeps) else None


def draw(space: Space, seed: int) -> tuple[Floats, Floats]:
    """Errors of the kernels in percent, one for each network, and tasks: (LUT limit, FPS)."""
    rng = np.random.default_rng(seed)
    networks, place = np.unique(space.designs.groups, return_inverse=True)
    noise = rng.normal(0, NOISE, len(networks))[place]
    errors: Floats = 20 - SIZE * np.log2(space.sizes / space.sizes.min()) + noise
    lut, fps = space.truth[:, 1], RATIO / space.truth[:, 0]
    tasks = [
        (rng.uniform(lut.min(), lut.max()), rng.uniform(fps.min(), np.quantile(fps, 0.8)))
        for _ in range(TASKS)
    ]
    return errors, np.array(tasks)


def compare(space: Space, seeds: int) -> dict[str, Any]:
    """Means and 95 % intervals over the seeds, by way and figure."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in range(seeds):
        errors, tasks = draw(space, seed)
        for name, way in ways(space, errors, seed):
            figures = judge(space, errors, way, tasks)
            for figure, value in figures.items():
                found.setdefault(name, {}).setdefault(figure, []).append(value)
    return {
        name: {figure: _mean(values) for figure, values in figures.items()}
        for name, figures in found.items()
    }


def _mean(values: list[float]) -> dict[str, float]:
    half = 0.0
    if len(values) > 1:
        spread = np.std(values, ddof=1) / np.sqrt(len(values))
        half = float(student.ppf(0.975, len(values) - 1) * spread)
    return {"mean": float(np.mean(values)), "ci": half}


def show(found: dict[str, Any]) -> None:
    names = list(next(iter(found.values())))
    print(f"{'':10}" + "".join(f"{name:>18}" for name in names))
    for way, figures in found.items():
        cells = [f"{100 * x['mean']:.2f} +- {100 * x['ci']:.2f} %" for x in figures.values()]
        print(f"{way:10}" + "".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="make the truth with Yosys")
    parser.add_argument("--limit", type=int, default=0, help="measure so many kernels alone")
    parser.add_argument("--simulate", type=int, default=0, help="simulate so many of them as well")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if options.measure:
        measure(options.limit, options.simulate)
    if not FILE.exists():
        print(f"SKIPPED: no {FILE.name}; make it with --measure.")
        return
    space = Space.of(kept())
    networks = len(set(space.designs.groups.tolist()))
    print(f"{len(space.designs)} kernels of {networks} networks, {options.seeds} seeds")
    found = compare(space, options.seeds)
    show(found)
    if options.json:
        document = {"kernels": len(space.designs), "networks": networks, "ways": found}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
