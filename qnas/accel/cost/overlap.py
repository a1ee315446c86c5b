"""What a step takes whose softmax and products of the array run side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from qnas.accel.cost.coefficients import FILL_CYCLES
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import Trips, operation_trips
from qnas.accel.plan.plan import HardwarePlan, Loop
from qnas.accel.plan.schedule import walk
from qnas.architecture import Architecture

Count = Any
BEFORE = "parameters"  # read from the weight stream before the two sides start


@dataclass(frozen=True, slots=True)
class Overlap:
    """A softmax and the products beside it, `times` over. The step takes the iterations of the
    longer side, and the fills of the side with more of them: the least of each is hidden."""

    softmax: str
    loops: Count
    fills: Count
    times: int


def overlaps_of_plan(plan: HardwarePlan) -> Iterator[Overlap]:
    """Of every step with a softmax and products, in the plan's order."""
    for _, group in groupby(plan.stages, lambda stage: stage.step):
        stages = list(group)
        softmaxes = [s for s in stages if s.kind == "softmax"]
        products = [loop for s in stages if s.kind == "gemm" for loop in s.loops]
        for softmax in softmaxes if products else ():
            yield _overlap(softmax.name, softmax.loops, products, times=1)


def overlaps_of_foldings(
    arch: Architecture, folding: Folding, port_bits: int
) -> tuple[Overlap, ...]:
    """The same of many foldings at once, had they buffers for two heads."""
    steps = [step for step in walk(arch, 2) if len(step) > 1]
    # Equal kinds are equal work: a network has one number of tokens, its heads have one width.
    kinds = {tuple(op.dst for op in step): step for step in steps}
    times = Counter(tuple(op.dst for op in step) for step in steps)
    return tuple(
        _overlap(
            softmax.name,
            operation_trips(softmax, folding, port_bits),
            [loop for op in products for loop in operation_trips(op, folding, port_bits)],
            times=times[kind],
        )
        for kind, (softmax, *products) in kinds.items()
    )


def _overlap(
    name: str,
    softmax: Iterable[Loop | Trips],
    products: Iterable[Loop | Trips],
    *,
    times: int,
) -> Overlap:
    ours, theirs = [loop for loop in softmax if loop.name != BEFORE], list(products)
    return Overlap(
        softmax=name,
        loops=np.minimum(_loops(ours), _loops(theirs)),
        fills=np.minimum(_fills(ours), _fills(theirs)),
        times=times,
    )


def _loops(loops: Iterable[Loop | Trips]) -> Count:
    return sum(loop.trips - loop.hidden for loop in loops)


def _fills(loops: Iterable[Loop | Trips]) -> Count:
    return sum(loop.entries * FILL_CYCLES[loop.name] for loop in loops)
