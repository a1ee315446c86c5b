"""What do predictions and rounds of measuring change in a search, judged by the measured truth?

    python tests/bench/refine.py [--seeds N] [--json OUT]  # minutes
    python tests/bench/refine.py --measure  # what the table of kernels lacks: an hour or two
    python tests/bench/refine.py --check N  # so many of its kernels again, and compared

The space is a list of small kernels, all synthesized with Yosys and simulated in Verilator
(`refine_kernels.py`), so that every answer can be judged.

A seed draws an error for every network (smaller for larger ones, give or take) and TASKS pairs of a
LUT limit and an FPS target. A search here takes every kernel of the space: its front is that of the
predicted cycles and LUTs and of the error. A pick is the kernel of least error that is predicted to
keep both bounds of a task. Ways:

- `raw`: the cost model's estimates of the C++.
- `default`: predictions with the table of kernels that comes with qnas.
- `round 1` to `round 3`: after that many rounds of `qnas refine`, KERNELS measured each.
- `random 1` to `random 3`: with as many of the space at random.
- `picks`: after the last round each task's pick is measured, and chosen again, until it is a
  measured kernel, as `qnas refine` ends.
- `... sure`: picks with `confidence = 0.9`.

`hypervolume`: of the front's true points, over that of a search that knows the truth. `wrong`:
share of picks that in truth break the limit or miss the target. `missed`: share of tasks with a
true answer and no pick. `worse`: how much larger a right pick's error is than that of the true
answer, in points. `width`: mean width of the front's intervals of LUTs. `inside`: share of LUTs and
FFs of kernels that were not measured that are in their 90 % intervals. `measured`: kernels that a
task has measured. Means with 95 % intervals over the seeds (Student's t).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from refine_kernels import FILE, Row, check, complete, read_rows, space
from scipy.stats import t as student

from qnas.accel.calibration.active import choose, processes_of
from qnas.accel.calibration.calibration import Calibration, fit
from qnas.accel.calibration.designs import Designs, Floats, Mask
from qnas.accel.calibration.evaluation import held, predicted
from qnas.accel.calibration.kernels import (
    designs_of,
    kernel_design,
    shipped_designs,
    structural,
)
from qnas.accel.cost.analytic import estimate
from qnas.pareto import Box, hypervolume, nondominated

ROUNDS, KERNELS, TASKS = 3, 4, 20
AXES = ("cycles", "lut")  # beside the error
SIZE, NOISE = 1.5, 1.0  # of the error (%), by doubling of the network's size, and at random
RATIO = 1e6  # clocks a second, over those an image takes


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
    def of(cls, rows: Sequence[Row]) -> Space:
        kernels, raw, sizes = [], [], []
        for row in rows:
            plan = row.plan()
            kernels.append(kernel_design([plan], row.measured, backend="rtl"))
            found = structural([plan], estimate(plan), backend="c++")
            raw.append([found[name] for name in AXES])
            sizes.append(row.dim * row.expansion * row.dim * row.depth)
        return cls(designs_of(kernels), np.array(sizes, float), np.array(raw))


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a way predicts: (kernels, AXES) values and ends."""

    value: Floats
    low: Floats
    high: Floats


def told(space: Space, known: Calibration, exact: Sequence[int]) -> Told:
    """Predictions of all kernels; those in `exact` are measured."""
    found = known.predict(space.designs)
    at = [found.amounts.index(name) for name in AXES]
    parts = [np.array(part[:, at]) for part in (found.value, found.low, found.high)]
    return measured(space, Told(*parts), exact)


def measured(space: Space, way: Told, exact: Sequence[int]) -> Told:
    """What a way predicts, with the truth of the kernels in `exact`."""
    parts = [part.copy() for part in (way.value, way.low, way.high)]
    for part in parts:
        part[exact] = space.truth[exact]
    return Told(*parts)


def front(errors: Floats, amounts: Floats) -> Mask:
    """Which kernels no other dominates in error, cycles and LUTs."""
    mask: Mask = nondominated(np.column_stack([errors, amounts]))
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A way: what it predicts, which kernels it has measured, and whether picks are measured."""

    name: str
    told: Told
    exact: tuple[int, ...] = ()
    inside: float = float("nan")
    measures_picks: bool = False


def ways(space: Space, errors: Floats, seed: int) -> Iterator[Way]:
    """Each way with what it predicts."""
    yield Way("raw", Told(space.raw, space.raw, space.raw))
    setup, shipped = shipped_designs()

    def way(name: str, exact: Sequence[int]) -> Way:
        both = shipped.plus(space.designs.subset(np.array(exact, np.int64)))
        known = fit(both.merged("space"), subject="rtl", setup=setup)
        return Way(name, told(space, known, exact), tuple(exact), _inside(space, known, exact))

    order = [int(i) for i in np.random.default_rng(1000 + seed).permutation(len(space.designs))]
    exact, now = list[int](), way("default", [])
    yield now
    for number in range(1, ROUNDS + 1):
        exact += _teaching(space, errors, shipped, exact, now.told)
        now = way(f"round {number}", exact)
        yield now
        yield way(f"random {number}", order[: number * KERNELS])
    yield replace(now, name="picks", measures_picks=True)


def _inside(space: Space, known: Calibration, exact: Sequence[int]) -> float:
    others = space.designs.subset(np.setdiff1d(np.arange(len(space.designs)), exact))
    found = predicted(others, known.predict(others))
    return float(np.mean([held(found[name]) for name in ("lut", "ff")]))


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


def judge(space: Space, errors: Floats, way: Way, tasks: Floats) -> dict[str, float]:
    """Figures of a way, by the truth."""
    truth = np.column_stack([errors, space.truth])
    chosen = np.flatnonzero(front(errors, way.told.value))
    box = Box.around(truth)
    widths = (way.told.high - way.told.low)[chosen, 1] / way.told.value[chosen, 1]
    figures = {
        "hypervolume": hypervolume(truth[chosen], box) / hypervolume(truth, box),
        "width": float(widths.mean()),
        "inside": way.inside,
    }
    answers = [_pick(errors, space.truth, task) for task in tasks]
    for name, sure in (("", False), ("_sure", True)):
        picks, counts = zip(
            *(_picked(space, errors, way, t, sure=sure) for t in tasks), strict=True
        )
        pairs = [(p, a) for p, a in zip(picks, answers, strict=True) if p is not None]
        wrong = [_wrong(space, p, t) for p, t in zip(picks, tasks, strict=True) if p is not None]
        worse = [
            errors[p] - errors[a]
            for (p, a), bad in zip(pairs, wrong, strict=True)
            if not bad and a is not None
        ]
        lost = [p is None and a is not None for p, a in zip(picks, answers, strict=True)]
        figures[f"wrong{name}"] = float(np.mean(wrong)) if wrong else 0.0
        figures[f"missed{name}"] = float(np.mean(lost))
        figures[f"worse{name}"] = float(np.mean(worse)) / 100 if worse else 0.0
        if not sure:
            figures["measured"] = len(way.exact) + float(np.mean(counts))
    return figures


def _picked(
    space: Space, errors: Floats, way: Way, task: Floats, *, sure: bool
) -> tuple[int | None, int]:
    """The pick of a task, and how many kernels were measured for it."""
    now, exact = way.told, list(way.exact)
    while True:
        pick = _pick(errors, now.high if sure else now.value, task)
        if pick is None or pick in exact or not way.measures_picks:
            return pick, len(exact) - len(way.exact)
        exact.append(pick)
        now = measured(space, now, exact)


def _pick(errors: Floats, amounts: Floats, task: Floats) -> int | None:
    limit, fps = task
    keeps = np.flatnonzero((amounts[:, 1] <= limit) & (amounts[:, 0] <= RATIO / fps))
    return int(keeps[np.argmin(errors[keeps])]) if len(keeps) else None


def _wrong(space: Space, pick: int, task: Floats) -> bool:
    cycles, lut = space.truth[pick]
    limit, fps = task
    return bool(lut > limit or RATIO / cycles < fps)


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
        for way in ways(space, errors, seed):
            figures = judge(space, errors, way, tasks)
            for figure, value in figures.items():
                if np.isnan(value):
                    continue
                found.setdefault(way.name, {}).setdefault(figure, []).append(value)
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
    for way, figures in found.items():
        print(way)
        for name, x in figures.items():
            times, unit = (1, "") if name == "measured" else (100, " %")
            print(f"    {name:12} {times * x['mean']:7.2f} +- {times * x['ci']:.2f}{unit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="measure what the table lacks")
    parser.add_argument("--check", metavar="N", type=int, help="measure N kernels again")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--table", metavar="CSV", type=Path, default=FILE)
    parser.add_argument("--json", metavar="OUT", type=Path, help="write the figures to a file")
    options = parser.parse_args()
    if options.measure:
        complete(list(space()), options.table)
    if options.check:
        check(options.check, options.table)
    rows = read_rows(options.table)
    kernels = Space.of(rows)
    networks = len(set(kernels.designs.groups.tolist()))
    print(f"{len(rows)} kernels of {networks} networks, {options.seeds} seeds")
    found = compare(kernels, options.seeds)
    show(found)
    if options.json:
        document = {"kernels": len(rows), "networks": networks, "ways": found}
        options.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
