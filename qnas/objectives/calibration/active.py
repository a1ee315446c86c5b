"""Which block to measure next: the one that would shrink the intervals of given blocks most.

A Gaussian process knows the spread that it would have with one more measurement before it is made:
the spread depends on where was measured, not on what came. Blocks are chosen one after the other,
each with those before it taken as measured (greedy, as in Krause et al. 2008).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qnas.accel.twin.block import Block
from qnas.accel.twin.table import Row
from qnas.objectives.calibration.blocks import BlockModel, features, fit_blocks
from qnas.objectives.calibration.pairs import Floats
from qnas.objectives.cost.blocks import block_resources


def propose(
    rows: Sequence[Row],
    targets: Sequence[Block] | Mapping[Block, float],
    *,
    candidates: Sequence[Block],
    count: int,
) -> tuple[Block, ...]:
    """At most `count` of `candidates` that were not measured yet, the best first.

    `targets` are the blocks whose intervals count, each with a weight where it is a mapping (of a
    plan: what share of it they are). ConfigError for fewer than MIN_PAIRS rows.
    """
    weights = targets if isinstance(targets, Mapping) else dict.fromkeys(targets, 1.0)
    model, known = fit_blocks(rows), [row.block for row in rows]
    left = [block for block in candidates if block not in set(known)]
    chosen: list[Block] = []
    while left and len(chosen) < count:
        gains = _gains(model, [*known, *chosen], left, weights)
        chosen.append(left.pop(int(np.argmax(gains))))
    return tuple(chosen)


def shares(plans: Iterable[Sequence[Block]]) -> dict[Block, float]:
    """Of the blocks of plans: what a block's relative error does to a plan's LUTs, squared, as
    variances count."""
    found: defaultdict[Block, float] = defaultdict(float)
    for blocks in plans:
        luts = [block_resources(block).lut for block in blocks]
        for block, lut in zip(blocks, luts, strict=True):
            found[block] += (lut / sum(luts)) ** 2
    return dict(found)


def widths(rows: Sequence[Row], targets: Sequence[Block]) -> float:
    """Mean width of the targets' 90 % intervals over their values."""
    found = fit_blocks(rows).predict(targets)
    return float(np.mean((found.high - found.low) / np.maximum(found.value, 1)))


def _gains(
    model: BlockModel, known: Sequence[Block], left: Sequence[Block], weights: Mapping[Block, float]
) -> Floats:
    """(left): by how much the weighted variance of all targets falls, over all resources."""
    x, at, goals = (features(blocks) for blocks in (known, left, tuple(weights)))
    weight = np.array(list(weights.values()))
    total = np.zeros(len(left))
    for process in model.processes:
        kernel = process.kernel_.k1  # without the noise of a single measurement
        noise = process.kernel_.k2.noise_level
        inverse = np.linalg.inv(kernel(x) + noise * np.eye(len(x)))
        to_left, to_goals = kernel(at, x) @ inverse, kernel(goals, x)
        # Covariance of targets and candidates, given what is known.
        both = kernel(at, goals) - to_left @ to_goals.T
        own = np.diag(kernel(at)) - np.einsum("ij,ij->i", to_left, kernel(at, x)) + noise
        total += (both**2 / own[:, None]) @ weight
    return total
