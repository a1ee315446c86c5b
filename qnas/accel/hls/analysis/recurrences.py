"""Interval, depth and recurrence of each pipelined loop, from the longest paths that were found.

This is what a modulo scheduler must keep. Nodes are what a loop carries (registers), loads and
stores of memories by the place that they stand at, and the iteration's start. An edge u -> v of w
cycles and distance d says that v of an iteration is there w cycles after u of the iteration d
before: start(v) >= start(u) + w - d * II. An interval is possible if no cycle of edges gains time;
the depth is the latest of all results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas._util.serialization import Value
from qnas.accel.hls.analysis.pipelines import PipelinedLoop
from qnas.accel.hls.analysis.rewrite import FILE_LINES
from qnas.errors import GeneratorError, problem
from qnas.numerics import Ints

ROUNDS = 50  # of relaxation, between two looks for a cycle
SHOWN = 6  # places of a recurrence that a message names


@dataclass(frozen=True, slots=True)
class Edges:
    """Parallel arrays: from node, to node, cycles, distance in iterations; and the line that the
    path ends in."""

    sources: Ints
    sinks: Ints
    cycles: Ints
    distances: Ints
    lines: Ints

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, int, int, int]]) -> Edges:
        columns = np.array(rows, dtype=np.int64).reshape(-1, 5).T
        return cls(*columns)


def start_times(edges: Edges, nodes: int, interval: int) -> tuple[Ints, list[int]]:
    """Earliest start of each node, and the edges of a cycle that gains time if there is one."""
    weights = edges.cycles - edges.distances * interval
    times, last = np.zeros(nodes, np.int64), np.full(nodes, -1, np.int64)
    while True:
        for _ in range(ROUNDS):
            reached = times[edges.sources] + weights
            best = times.copy()
            np.maximum.at(best, edges.sinks, reached)
            better = reached == best[edges.sinks]
            better &= best[edges.sinks] > times[edges.sinks]
            last[edges.sinks[better]] = np.flatnonzero(better)
            if not better.any():
                return times, []
            times = best
        found = _cycle(last, edges)
        if found:
            return times, found


def _cycle(last: Ints, edges: Edges) -> list[int]:
    """A cycle among the edges that reached each node last."""
    state: dict[int, int] = {}
    for first in np.flatnonzero(last >= 0):
        path, node = [], int(first)
        while node >= 0 and node not in state:
            state[node] = int(first)
            path.append(node)
            node = int(edges.sources[last[node]]) if last[node] >= 0 else -1
        if node in path:
            return [int(last[n]) for n in path[path.index(node) :]]
    return []


def smallest_interval(edges: Edges, nodes: int, *, most: int = 4096) -> tuple[int, list[int]]:
    """The least interval that the edges allow, and the cycle that forbids the one below (empty for
    1)."""
    _, cycle = start_times(edges, nodes, 1)
    if not cycle:
        return 1, []
    low, high = 1, most  # low is impossible
    while high - low > 1:
        middle = (low + high) // 2
        _, found = start_times(edges, nodes, middle)
        low, high, cycle = (middle, high, found) if found else (low, middle, cycle)
    return high, cycle


def depth(edges: Edges, nodes: int, interval: int) -> int:
    """Cycles from an iteration's start to its last result."""
    times, _ = start_times(edges, nodes, interval)
    return int((times[edges.sources] + edges.cycles).max(initial=1))


@dataclass(frozen=True, slots=True)
class LoopTiming(Value):
    """Of one pipelined loop: the least initiation interval and the depth of its pipeline, in
    cycles, and what an interval above 1 comes from. `reads`: streams that it waits for."""

    loop: str
    path: str
    line: int
    interval: int
    depth: int
    recurrence: str
    reads: tuple[str, ...]


def loop_timings(
    result: Mapping[str, Any], loops: Sequence[PipelinedLoop], paths: Sequence[str]
) -> Iterator[LoopTiming]:
    for number, loop in enumerate(loops):
        ran = number < len(result["iterations"]) and result["iterations"][number] > 0
        if not ran:
            rule, remedy = "must run in the analysis", "The generator is at fault: report it."
            raise GeneratorError(problem(f"loop `{loop.name}`", rule, "no iteration", remedy))
        names = _Names(result["names"], number, paths)
        edges = Edges.of([*_paths(result, names), *_orders(loop, names)])
        interval, cycle = smallest_interval(edges, len(names.all))
        yield LoopTiming(
            loop=loop.name,
            path=loop.path,
            line=loop.label_line,
            interval=interval,
            depth=depth(edges, len(names.all), interval),
            recurrence=names.recurrence(edges, cycle),
            reads=tuple(sorted(name for kind, name, _ in names.parts.values() if kind == "read")),
        )


class _Names:
    """Names of the nodes of one loop: `kind|name|place`."""

    def __init__(self, names: Sequence[str], loop: int, paths: Sequence[str]) -> None:
        self.all = names
        self.paths = paths
        self.parts: dict[int, tuple[str, str, str]] = {}
        self.start = 0
        for index, text in enumerate(names):
            number, _, rest = text.partition("|")
            if number == str(loop) and rest == "start":
                self.start = index
            elif number == str(loop):
                kind, name, place = rest.split("|")
                self.parts[index] = (kind, name, place)

    def own(self, index: int) -> bool:
        return index in self.parts or index == self.start

    def of(self, kind: str) -> list[tuple[int, str, tuple[int, ...]]]:
        return [
            (index, name, tuple(map(int, place.split("."))))
            for index, (own, name, place) in self.parts.items()
            if own == kind
        ]

    def text(self, index: int, line: int) -> str:
        kind, name, _ = self.parts.get(index, ("", "the iteration's start", ""))
        what = f"`{name}`" if kind == "register" else f"a {kind} of `{name}`" if kind else name
        return f"{what} ({self.paths[line // FILE_LINES]}:{line % FILE_LINES})" if line else what

    def recurrence(self, edges: Edges, cycle: Sequence[int]) -> str:
        """The cycle of edges in words, each place once."""
        steps = [
            f"{self.text(int(edges.sinks[e]), int(edges.lines[e]))} after {int(edges.cycles[e])}"
            for e in reversed(cycle)
        ]
        shown = list(dict.fromkeys(steps))[:SHOWN]
        return ", ".join(shown) + " cycles" if shown else ""


def _paths(result: Mapping[str, Any], names: _Names) -> Iterator[tuple[int, int, int, int, int]]:
    for source, sink, cycles, line in result["edges"]:
        start = names.start if source == 0 else source
        if names.own(sink) and names.own(start):
            distance = int(names.parts.get(sink, ("",))[0] == "register")
            yield start, sink, cycles, distance, line


def _orders(loop: PipelinedLoop, names: _Names) -> Iterator[tuple[int, int, int, int, int]]:
    """A load waits for the stores before it that may be of the same word: of earlier iterations, as
    far as no DEPENDENCE pragma says otherwise, and of its own, where the store comes first."""
    for store, memory, before in names.of("store"):
        for load, other, after in names.of("load"):
            if memory != other:
                continue
            claims = [c for c in loop.claims_of(memory, between=True) if "RAW" in c.kinds]
            distance = max((c.distance for c in claims), default=1)
            if all(c.distance for c in claims):
                yield store, load, 0, max(1, distance), before[-1]
            apart = any("RAW" in c.kinds for c in loop.claims_of(memory, between=False))
            if before < after and not apart:
                yield store, load, 0, 0, before[-1]
