"""The timeline of one pass: which unit of the accelerator works on which stage, and when.

It follows the plan's schedule and loops, and ends with the estimate's last cycle. Pipeline fills
and the start of a stage are cycles in which no unit is shown at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from qnas.accel.cost.coefficients import STAGE_CYCLES
from qnas.accel.plan.loops import ENGINE_LOOPS
from qnas.accel.plan.plan import HardwarePlan, Loop, Stage

Unit = Literal["loader", "array", "drain", "vector unit"]
UNITS: tuple[Unit, ...] = ("loader", "array", "drain", "vector unit")
# The unit of each loop; a row tile is also loaded beside `tiles`, and drained there.
UNIT_OF: dict[str, Unit] = {
    **dict.fromkeys(("table", "prefetch", "load", "parameters", "store"), "loader"),
    "tiles": "array",
    "flush": "drain",
    **dict.fromkeys(("normalise", "softmax"), "vector unit"),
}


@dataclass(frozen=True, slots=True)
class Activity:
    """A unit at work on a stage.

    Attributes:
        unit: The unit.
        stage: Name of the stage.
        loop: Name of the loop.
        start: First cycle, counted from 0.
        cycles: Cycles until the end.
        busy: Iterations in which the unit has work: fewer than `cycles` where it waits for another.
    """

    unit: Unit
    stage: str
    loop: str
    start: int
    cycles: int
    busy: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """The activities of one pass in the order of their starts, and the cycles of the pass."""

    activities: tuple[Activity, ...]
    cycles: int

    def busy(self, unit: Unit) -> int:
        """Iterations in which a unit works."""
        return sum(activity.busy for activity in self.activities if activity.unit == unit)

    def idle_array(self) -> dict[str, int]:
        """The cycles in which the array multiplies nothing, by what goes on instead; with the
        array's own cycles they add up to those of the pass."""
        found = {"vector unit": 0, "loader": 0, "drain": 0, "fills and starts": 0}
        marks: dict[int, dict[Unit, int]] = {0: {}, self.cycles: {}}
        for one in self.activities:
            for at, change in ((one.start, 1), (one.start + one.cycles, -1)):
                here = marks.setdefault(at, {})
                here[one.unit] = here.get(one.unit, 0) + change
        at, active = 0, dict.fromkeys(UNITS, 0)
        for mark in sorted(marks):
            if not active["array"]:
                order: tuple[Unit, ...] = ("vector unit", "loader", "drain")
                name = next((unit for unit in order if active[unit]), "fills and starts")
                found[name] += mark - at
            for unit, change in marks[mark].items():
                active[unit] += change
            at = mark
        return found


def timeline(plan: HardwarePlan) -> Timeline:
    """The timeline of a pass of a stream; its cycles are those of `estimate(plan)`."""
    found: list[Activity] = []
    at = 0
    for _, stages in groupby(plan.stages, key=lambda stage: stage.step):
        step, length = _step(list(stages), at, batch=plan.folding.batch)
        found += step
        at += length
    return Timeline(tuple(sorted(found, key=lambda one: one.start)), at)


def _step(stages: Sequence[Stage], start: int, *, batch: int) -> tuple[list[Activity], int]:
    """The activities of a step that starts at `start`, and its cycles."""
    at, found, shared = start, list[Activity](), list[tuple[int, int]]()
    beside: tuple[Stage, Loop] | None = None
    for stage in stages:
        at += STAGE_CYCLES
        engine_start = at
        for loop in stage.loops:
            if loop.name == "softmax":  # runs beside the products behind it in the step
                beside = stage, loop
                continue
            found += _activities(stage, loop, at, batch=batch)
            at += loop.trips
            if loop.name == ENGINE_LOOPS[-1]:
                shared.append((engine_start, at - engine_start))
                at += sum(one.fill_cycles for one in stage.loops if one.name in ENGINE_LOOPS)
            elif loop.name not in ENGINE_LOOPS:
                at += loop.fill_cycles
                engine_start = at
    if beside:
        stage, loop = beside
        found += _hidden(stage, loop, shared)
        left = loop.trips - loop.hidden
        if left:
            found.append(Activity("vector unit", stage.name, loop.name, at, left, left))
        at += left + loop.fill_cycles
    return found, at - start


def _activities(stage: Stage, loop: Loop, at: int, *, batch: int) -> Iterator[Activity]:
    """The activities of a loop that starts at cycle `at`."""
    row_tiles, token_tiles = stage.tiles_of_pass(batch)
    busy = row_tiles * token_tiles * stage.beats if loop.name == "tiles" else loop.trips
    yield Activity(UNIT_OF[loop.name], stage.name, loop.name, at, loop.trips, busy)
    if loop.name == "tiles" and row_tiles > 1:
        # No row tile is loaded beside the last one.
        last = token_tiles * stage.tile_steps
        loads = (row_tiles - 1) * stage.load_steps
        yield Activity("loader", stage.name, "load", at, loop.trips - last, loads)


def _hidden(stage: Stage, loop: Loop, shared: Sequence[tuple[int, int]]) -> Iterator[Activity]:
    """A softmax's iterations beside products, which run in the cycles `shared` (start, count)."""
    left = loop.hidden
    for start, count in shared:
        here = min(left, count)
        if here:
            yield Activity("vector unit", stage.name, loop.name, start, here, here)
        left -= here
