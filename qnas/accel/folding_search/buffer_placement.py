"""Buffer placement: which foldings fit once their large buffers move to other kinds of memory.

The search is exact. A lower bound that no placement can undercut rejects most foldings. For the
remaining ones, best first, the resources of every placement are added up, a chunk of foldings at
once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.accel.cost.analytic import Prices, memory_part
from qnas.accel.cost.design import Memory
from qnas.accel.plan.placement import MEMORIES, PLACED, Placement
from qnas.accel.plan.plan import Storage
from qnas.numerics import Ints

Floats = NDArray[np.float64]
TAKEN = ("lut", "ff", "bram18", "uram")  # resources that memories use
BUILT_OF: Mapping[Storage, tuple[int, ...]] = {"lutram": (0, 1), "bram": (2,), "uram": (3,)}
# Weights of `TAKEN` for lower bounds: a weighted mean of shares never exceeds the largest share.
# The weights that reject the most foldings come first.
WEIGHTS = np.array(
    [
        *([1, 0, 1, 1], [1, 0, 1, 0], [2, 0, 1, 1], [1, 0, 2, 1], [2, 0, 2, 1], [3, 0, 3, 1]),
        *([2, 0, 1, 0], [1, 0, 2, 0], [3, 0, 1, 0], [1, 0, 3, 0], [1, 0, 1, 2], [0, 0, 1, 1]),
        *([0, 0, 2, 1], [0, 0, 1, 2], [1, 0, 0, 1], [2, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]),
        *([0, 0, 1, 0], [0, 0, 0, 1]),
    ],
    float,
)
WEIGHTS /= WEIGHTS.sum(axis=1, keepdims=True)
CHUNK = 32  # foldings whose placements are added up at once
ROUNDING = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class PlacedFolding:
    """A folding with a placement of its buffers.

    Attributes:
        index: Flat index of the folding.
        placement: Kind of memory of each movable buffer.
        taken: Amounts of the resources in `TAKEN` that the whole design then uses.
        worst: Largest share of a limit, over `TAKEN` and DSPs.
    """

    index: int
    placement: Placement
    taken: Mapping[str, int]
    worst: float


@dataclass(frozen=True, slots=True)
class Contenders:
    """Resources of N foldings for every kind of memory that each buffer may use.

    Attributes:
        indices: (N) flat indices of the foldings.
        names: Names of the movable buffers.
        kinds: Kinds of memory to choose from.
        base: (TAKEN, N) resources without the movable buffers.
        buffers: (TAKEN, buffer, N) resources of each buffer, in whichever kind they belong to.
        scale: (TAKEN) factors from amounts to shares of the limits.
        dsp: (N) share of the DSP limit.
        bound: (N) lower bound of the worst share under any placement.
    """

    indices: NDArray[np.intp]
    names: tuple[str, ...]
    kinds: tuple[Storage, ...]
    base: Ints
    buffers: Ints
    scale: Floats
    dsp: Floats
    bound: Floats

    def at(self, chosen: Any) -> Contenders:
        """Select foldings by a mask, a slice or a list of positions."""
        return replace(
            self,
            indices=self.indices[chosen],
            base=self.base[:, chosen],
            buffers=self.buffers[..., chosen],
            dsp=self.dsp[chosen],
            bound=self.bound[chosen],
        )

    def bounded(self, most: float) -> Contenders:
        """Select the foldings whose lower bound of the worst share is at most `most`."""
        found = replace(self, bound=self.dsp)
        for weights in WEIGHTS * self.scale:
            least = np.min([found._weighed(weights, kind) for kind in self.kinds], axis=0)
            bound = np.maximum(found.bound, weights @ found.base + least.sum(axis=0))
            found, kept = replace(found, bound=bound), bound <= most * ROUNDING
            if 2 * np.count_nonzero(kept) < len(kept):  # copying pays only for a large reduction
                found = found.at(kept)
        return found.at(found.bound <= most * ROUNDING)

    def _weighed(self, weights: Floats, kind: Storage) -> Any:
        """(buffer, N): weighted resources of the buffers in one kind of memory."""
        return sum(weights[row] * self.buffers[row] for row in BUILT_OF[kind])

    def placed(self) -> Iterator[PlacedFolding]:
        """Yield each folding, in order, with its best placement (see `_best`)."""
        for start in range(0, len(self.indices), CHUNK):
            yield from self.at(slice(start, start + CHUNK))._placed()

    def _placed(self) -> Iterator[PlacedFolding]:
        best, worst = self._best()
        shape = (len(self.kinds),) * len(self.names)
        chosen = np.array(np.unravel_index(best, shape)).T  # (N, buffer): index into `kinds`
        for row, index in enumerate(self.indices.tolist()):
            kinds = [self.kinds[k] for k in chosen[row]]
            taken = self.base[:, row].copy()
            for buffer, kind in enumerate(kinds):
                taken[list(BUILT_OF[kind])] += self.buffers[list(BUILT_OF[kind]), buffer, row]
            amounts = dict(zip(TAKEN, taken.tolist(), strict=True))
            placement = dict(zip(self.names, kinds, strict=True))
            yield PlacedFolding(index, placement, amounts, float(max(worst[row], self.dsp[row])))

    def _best(self) -> tuple[NDArray[np.intp], Floats]:
        """Find the best placement of each folding.

        Of placements with the same worst share, the one with the smallest sum of shares is taken.

        Returns:
            (N) index of the placement with the smallest worst share, and (N) that share.
        """
        shares = (self.base * self.scale[:, None])[..., None]
        for buffer in range(len(self.names)):
            options = np.zeros((len(TAKEN), len(self.indices), 1, len(self.kinds)))
            for number, kind in enumerate(self.kinds):
                for row in BUILT_OF[kind]:
                    options[row, :, 0, number] = self.buffers[row, buffer] * self.scale[row]
            shares = (shares[..., None] + options).reshape(*shares.shape[:2], -1)
        worst = shares.max(axis=0)
        least = worst.min(axis=1)
        tight = worst <= ROUNDING * least[:, None]
        return np.where(tight, shares.sum(axis=0), np.inf).argmin(axis=1), least


def contenders(
    prices: Prices,
    memories: tuple[Memory, ...],
    indices: NDArray[np.intp],
    *,
    limits: Mapping[str, int],
) -> Contenders:
    """Collect the contenders at flat `indices` of `prices`.

    Args:
        prices: Estimates under the rule of depth.
        memories: The memories that `prices` includes.
        indices: (N) flat indices of foldings.
        limits: The limit of each resource.
    """
    shape = prices.loop_cycles.shape
    at = np.unravel_index(indices, shape)
    kinds = MEMORIES if limits["uram"] else MEMORIES[:2]
    movable = [memory for memory in memories if memory.name in PLACED]

    def take(count: Any) -> Ints:
        if np.ndim(count) == 0:
            return np.full(len(indices), count)
        taken: Ints = np.broadcast_to(count, shape)[at]
        return taken

    def amounts(memory: Memory) -> Ints:
        part = memory_part(memory)
        return np.array([take(getattr(part, name)) for name in TAKEN])

    anywhere = [[amounts(replace(m, storage=kind)) for m in movable] for kind in kinds]
    buffers = np.sum(anywhere, axis=0).transpose(1, 0, 2)
    used = np.array([take(prices.resources[name]) for name in TAKEN])
    scale = np.array([_scale(limits[name]) for name in TAKEN])
    dsp = np.multiply(take(prices.resources["dsp"]), _scale(limits["dsp"]), dtype=np.float64)
    return Contenders(
        indices=indices,
        names=tuple(memory.name for memory in movable),
        kinds=kinds,
        base=used - np.sum([amounts(memory) for memory in movable], axis=0),
        buffers=buffers,
        scale=scale,
        dsp=dsp,
        bound=dsp,
    )


def _scale(limit: int) -> float:
    """Factor from an amount to a share of its limit; above 1 for any amount if the limit is 0."""
    return 1 / (limit or 0.5)


def first_that_fits(found: Contenders, limits: Mapping[str, int]) -> PlacedFolding | None:
    """Return the first folding of `found` that fits the limits under some placement."""
    for placed in found.placed():
        if all(placed.taken[name] <= limits[name] for name in TAKEN):
            return placed
    return None


def least_of_its_limits(found: Contenders, *, most: float) -> PlacedFolding:
    """Return the folding and placement with the smallest worst share of a limit; ties: the first.

    Args:
        found: The foldings.
        most: A worst share that at least one folding attains or undercuts.
    """
    found = found.bounded(most)
    found = found.at(np.argsort(found.bound, kind="stable"))
    best: PlacedFolding | None = None
    for bound, placed in zip(found.bound, found.placed(), strict=True):
        if best is not None and bound > best.worst * ROUNDING:
            break
        if best is None or (placed.worst, placed.index) < (best.worst, best.index):
            best = placed
    assert best is not None
    return best
