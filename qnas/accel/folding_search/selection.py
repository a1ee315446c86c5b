"""Selection of a folding from a table of priced candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import and_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.accel.cost.analytic import Prices
from qnas.accel.cost.design import Memory
from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.folding_search.buffer_placement import (
    PlacedFolding,
    contenders,
    first_that_fits,
    least_of_its_limits,
)
from qnas.accel.plan.folding import FIELDS, Folding
from qnas.accel.plan.placement import Placement

Limits = Mapping[str, int]


@dataclass(frozen=True)
class CandidateTable:
    """Candidate foldings with their prices, as arrays of one shape.

    Attributes:
        folding: The candidates; fields are arrays that broadcast.
        legal: Mask of the foldings that keep the rules of `Folding`.
        prices: Estimates under the rule of depth.
        memories: The memories that `prices` includes.
        cycles: The quantity to minimise: the cycles of one network, or those of several combined.
    """

    folding: Folding
    legal: NDArray[np.bool_]
    prices: Prices
    memories: tuple[Memory, ...]
    cycles: NDArray[Any]

    @cached_property
    def candidates(self) -> NDArray[np.intp]:
        """Flat indices of the legal foldings, about a tenth of all; every selection reads them."""
        return np.flatnonzero(self.legal)

    @cached_property
    def candidate_cycles(self) -> NDArray[Any]:
        """Cycles of `candidates`, in their order."""
        return self.cycles.ravel()[self.candidates]

    @cached_property
    def candidate_resources(self) -> dict[str, NDArray[np.int64]]:
        """Resources of `candidates`, in their order."""
        return {r: self.prices.resources[r].ravel()[self.candidates] for r in RESOURCES}

    def folding_at(self, index: int) -> Folding:
        """Return the folding at a flat index."""
        fields = np.broadcast_arrays(*(getattr(self.folding, name) for name in FIELDS))
        return Folding(*(int(field.flat[index]) for field in fields))

    def order(self, among: NDArray[np.intp], *keys: NDArray[Any]) -> NDArray[np.intp]:
        """Sort `among` by `keys` in turn, then by folding; returns positions in `among`."""
        shape = self.cycles.shape
        ranks = [np.broadcast_to(getattr(self.folding, name), shape) for name in FIELDS]
        columns = [rank[np.unravel_index(among, shape)] for rank in (*keys, *ranks)]
        return np.lexsort(columns[::-1])


@dataclass(frozen=True, slots=True)
class SelectedFolding:
    """A folding by its flat index, its buffers that break the rule of depth, and its estimate."""

    index: int
    placement: Placement
    estimate: Estimate


def fastest_feasible(table: CandidateTable, limits: Limits) -> SelectedFolding | None:
    """Select the fastest folding that fits the limits under some placement; None if none fits.

    Among foldings that fit under the rule of depth, ties go to fewer weight ports, then fewer DSPs,
    then fewer LUTs, then the smallest folding. A faster folding that fits only under another
    placement gets the placement whose worst share of a limit is smallest.
    """
    used, cycles = table.candidate_resources, table.candidate_cycles
    faster = used["dsp"] <= limits["dsp"]
    fits = reduce(and_, (used[r] <= limits[r] for r in RESOURCES), faster)
    priced = table.prices.resources
    by_rule: SelectedFolding | None = None
    if fits.any():
        fewest = cycles[fits].min()
        tied = table.candidates[fits & (cycles == fewest)]
        ports = np.broadcast_to(table.folding.weight_ports, table.cycles.shape)
        first = tied[table.order(tied, ports, priced["dsp"], priced["lut"])[0]]
        by_rule = SelectedFolding(int(first), {}, table.prices.at(int(first)))
        faster = faster & (cycles < fewest)
    among = table.candidates[faster]
    if not len(among):
        return by_rule
    found = contenders(table.prices, table.memories, among, limits=limits).bounded(1.0)
    found = found.at(table.order(found.indices, table.cycles, priced["dsp"]))
    placed = first_that_fits(found, limits)
    return _selected(table, placed) if placed else by_rule


def least_violating(table: CandidateTable, limits: Limits) -> SelectedFolding:
    """Select the folding and placement whose worst share of a limit is smallest."""
    legal = table.legal
    used = table.prices.resources
    by_rule = np.max([used[r] / (limits[r] or 0.5) for r in RESOURCES], axis=0)
    most = float(by_rule[legal].min())
    indices = np.flatnonzero(legal & (used["dsp"] <= most * (limits["dsp"] or 0.5) + 1))
    found = contenders(table.prices, table.memories, indices, limits=limits)
    return _selected(table, least_of_its_limits(found, most=most))


def _selected(table: CandidateTable, placed: PlacedFolding) -> SelectedFolding:
    by_rule = table.prices.at(placed.index)
    estimate = replace(by_rule, resources=replace(by_rule.resources, **placed.taken))
    return SelectedFolding(placed.index, placed.placement, estimate)
