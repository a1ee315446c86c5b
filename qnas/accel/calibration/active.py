"""What to measure next: what would shrink the intervals of given blocks, or designs, most.

A Gaussian process knows the spread that it would have with one more measurement before it is made:
the spread depends on where was measured, not on what came. Points are chosen one after the other,
each with those before it taken as measured (greedy, as in Krause et al. 2008).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qnas.accel.calibration.blocks import features, fit_blocks
from qnas.accel.calibration.gaussian_process import Processes
from qnas.accel.calibration.pairs import Floats
from qnas.accel.cost.blocks import block_resources
from qnas.accel.rtl.block import RtlBlock
from qnas.accel.rtl.table import Row


def choose(
    processes: Processes,
    known: Floats,
    candidates: Floats,
    *,
    goals: Floats,
    weights: Floats,
    count: int,
) -> list[int]:
    """Indices of `count` rows of `candidates`, the best first; fewer if there are no more. Rows of
    features each; `weights` are those of `goals`."""
    left, chosen = list(range(len(candidates))), list[int]()
    while left and len(chosen) < count:
        taken = np.concatenate([known, candidates[chosen]])
        gains = processes.gains(taken, candidates[left], goals, weights)
        chosen.append(left.pop(int(np.argmax(gains))))
    return chosen


def propose(
    rows: Sequence[Row],
    targets: Sequence[RtlBlock] | Mapping[RtlBlock, float],
    *,
    candidates: Sequence[RtlBlock],
    count: int,
) -> tuple[RtlBlock, ...]:
    """At most `count` of `candidates` that were not measured yet, the best first: one of each kind
    of the targets' of which nothing was measured, since nothing else tells of it, then any.

    `targets` are the blocks whose intervals count, each with a weight where it is a mapping (of a
    plan: what share of it they are). ConfigError for fewer than MIN_PAIRS rows.
    """
    weights = targets if isinstance(targets, Mapping) else dict.fromkeys(targets, 1.0)
    processes, goals = fit_blocks(rows).processes, features(tuple(weights))
    measured = [row.block for row in rows]
    known, found = set(measured), list[RtlBlock]()
    left = [block for block in candidates if block not in known]

    def take(choice: Sequence[RtlBlock], most: int) -> None:
        at = choose(
            processes,
            features([*measured, *found]),
            features(choice),
            goals=goals,
            weights=np.array(list(weights.values())),
            count=most,
        )
        found.extend(choice[i] for i in at)

    unknown = {block.kind for block in weights} - {block.kind for block in measured}
    for kind in sorted(unknown & {block.kind for block in left})[:count]:
        take([block for block in left if block.kind == kind], 1)
    if rest := [block for block in left if block not in found]:
        take(rest, count - len(found))
    return tuple(found)


def shares(plans: Iterable[Sequence[RtlBlock]]) -> dict[RtlBlock, float]:
    """Of the blocks of plans: what a block's relative error does to a plan's LUTs, squared, as
    variances count."""
    found: defaultdict[RtlBlock, float] = defaultdict(float)
    for blocks in plans:
        luts = [block_resources(block).lut for block in blocks]
        for block, lut in zip(blocks, luts, strict=True):
            found[block] += (lut / sum(luts)) ** 2
    return dict(found)


def widths(rows: Sequence[Row], targets: Sequence[RtlBlock]) -> float:
    """Mean width of the targets' 90 % intervals over their values."""
    found = fit_blocks(rows).predict(targets)
    return float(np.mean((found.high - found.low) / np.maximum(found.value, 1)))
