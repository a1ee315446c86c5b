"""From longest paths to an initiation interval and a depth: what a modulo scheduler must keep.

Nodes are what a loop carries (registers), loads and stores of memories by the place that they
stand at, and the iteration's start. An edge u -> v of w cycles and distance d says that v of an
iteration is there w cycles after u of the iteration d before: start(v) >= start(u) + w - d * II. An
interval is possible if no cycle of edges gains time; the depth is the latest of all results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas.numerics import Ints

ROUNDS = 50  # of relaxation, between two looks for a cycle


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


def rows(result: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    """(from, to, cycles, line) of what the instrumented program found."""
    return [tuple(edge) for edge in result["edges"]]
