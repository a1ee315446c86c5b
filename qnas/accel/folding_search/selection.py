"""Choosing among priced foldings: the fastest that fits, or what takes least of its limits."""

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
    """Candidates, which are `legal`, and their `prices` where the rule of depth places `memories`.
    `cycles` are what is to be few: those of `prices`, or of several networks together."""

    folding: Folding
    legal: NDArray[np.bool_]
    prices: Prices
    memories: tuple[Memory, ...]
    cycles: NDArray[Any]

    @cached_property
    def candidates(self) -> NDArray[np.intp]:
        """Flat indices of the legal ones: a tenth of all, which every choice looks at."""
        return np.flatnonzero(self.legal)

    @cached_property
    def candidate_cycles(self) -> NDArray[Any]:
        return self.cycles.ravel()[self.candidates]

    @cached_property
    def candidate_resources(self) -> dict[str, NDArray[np.int64]]:
        return {r: self.prices.resources[r].ravel()[self.candidates] for r in RESOURCES}

    def folding_at(self, index: int) -> Folding:
        """The candidate at a flat index."""
        fields = np.broadcast_arrays(*(getattr(self.folding, name) for name in FIELDS))
        return Folding(*(int(field.flat[index]) for field in fields))

    def order(self, among: NDArray[np.intp], *keys: NDArray[Any]) -> NDArray[np.intp]:
        """Positions of `among` by `keys` in turn, then by folding."""
        shape = self.cycles.shape
        ranks = [np.broadcast_to(getattr(self.folding, name), shape) for name in FIELDS]
        columns = [rank[np.unravel_index(among, shape)] for rank in (*keys, *ranks)]
        return np.lexsort(columns[::-1])


@dataclass(frozen=True, slots=True)
class SelectedFolding:
    """A folding by its flat index, where its buffers lie against the rule, and its estimate."""

    index: int
    placement: Placement
    estimate: Estimate


def fastest_feasible(sweep: CandidateTable, limits: Limits) -> SelectedFolding | None:
    """The fastest folding that fits under some placement; None if none does.

    Of those that fit by the rule of depth ties go to fewer weight ports, then DSPs, then LUTs, then
    the smallest folding. A faster one that fits elsewhere alone takes the placement whose worst
    share of a limit is least.
    """
    used, cycles = sweep.candidate_resources, sweep.candidate_cycles
    faster = used["dsp"] <= limits["dsp"]
    fits = reduce(and_, (used[r] <= limits[r] for r in RESOURCES), faster)
    priced = sweep.prices.resources
    by_rule: SelectedFolding | None = None
    if fits.any():
        fewest = cycles[fits].min()
        tied = sweep.candidates[fits & (cycles == fewest)]
        ports = np.broadcast_to(sweep.folding.weight_ports, sweep.cycles.shape)
        first = tied[sweep.order(tied, ports, priced["dsp"], priced["lut"])[0]]
        by_rule = SelectedFolding(int(first), {}, sweep.prices.at(int(first)))
        faster = faster & (cycles < fewest)
    among = sweep.candidates[faster]
    if not len(among):
        return by_rule
    found = contenders(sweep.prices, sweep.memories, among, limits=limits).bounded(1.0)
    found = found.at(sweep.order(found.indices, sweep.cycles, priced["dsp"]))
    placed = first_that_fits(found, limits)
    return _choice(sweep, placed) if placed else by_rule


def least_violating(sweep: CandidateTable, limits: Limits) -> SelectedFolding:
    """The folding and placement whose worst share of a limit is least."""
    legal = sweep.legal
    used = sweep.prices.resources
    by_rule = np.max([used[r] / (limits[r] or 0.5) for r in RESOURCES], axis=0)
    most = float(by_rule[legal].min())
    indices = np.flatnonzero(legal & (used["dsp"] <= most * (limits["dsp"] or 0.5) + 1))
    found = contenders(sweep.prices, sweep.memories, indices, limits=limits)
    return _choice(sweep, least_of_its_limits(found, most=most))


def _choice(sweep: CandidateTable, placed: PlacedFolding) -> SelectedFolding:
    by_rule = sweep.prices.at(placed.index)
    estimate = replace(by_rule, resources=replace(by_rule.resources, **placed.taken))
    return SelectedFolding(placed.index, placed.placement, estimate)
