"""What one network costs at each speed: the foldings that are best in cycles, DSPs and LUTs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import and_

import numpy as np

from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.device import Device
from qnas.accel.folding_search.search import candidate_table, limits_of
from qnas.accel.plan.folding import Folding
from qnas.architecture import Architecture
from qnas.pareto import nondominated


@dataclass(frozen=True, slots=True)
class FoldingPoint:
    """A folding with the estimate of its plan."""

    folding: Folding
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class FoldingFront:
    """The foldings of one network on a device that no other dominates.

    Attributes:
        points: Foldings that are best in cycles, DSPs and LUTs together, fastest first.
        fitting: Number of foldings that fit the device.
        legal: Number of foldings that were priced.
    """

    points: tuple[FoldingPoint, ...]
    fitting: int
    legal: int


def folding_front(arch: Architecture, device: Device, *, batch: int = 1) -> FoldingFront:
    """Price every folding of `arch` on `device`, and keep the front of those whose estimates fit.

    Buffers lie where the rule of depth puts them; of equal estimates the first folding is kept.
    """
    table = candidate_table(arch, device, batch=batch)
    limits = limits_of(device, 1.0)
    used = table.candidate_resources
    fits = np.flatnonzero(reduce(and_, (used[r] <= limits[r] for r in RESOURCES)))
    costs = np.stack([table.candidate_cycles, used["dsp"], used["lut"]], axis=1)[fits]
    distinct, first = np.unique(costs, axis=0, return_index=True)
    kept = table.candidates[fits[first[nondominated(distinct)]]] if len(fits) else ()
    points = [FoldingPoint(table.folding_at(int(i)), table.prices.at(int(i))) for i in kept]
    points.sort(key=lambda point: (point.estimate.cycles, point.estimate.resources.dsp))
    return FoldingFront(tuple(points), len(fits), len(table.candidates))
