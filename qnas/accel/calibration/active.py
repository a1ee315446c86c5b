"""Active selection of measurements: those that shrink given intervals most.

The spread of a Gaussian process depends on where it was measured and not on the values, so the
spread after one more measurement is known before the measurement is made. Points are chosen one
after the other; each choice counts the earlier ones as measured (greedy, as in Krause et al. 2008).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from qnas.accel.calibration.blocks import LEARNED, designs_of_blocks, fit_blocks
from qnas.accel.calibration.designs import MIN_DESIGNS, Designs, Floats
from qnas.accel.calibration.gaussian_process import Process, fit_process
from qnas.accel.cost.blocks import block_resources
from qnas.accel.rtl.block import RtlBlock
from qnas.accel.rtl.table import Row
from qnas.errors import ConfigError, problem


def processes_of(known: Designs, amounts: Sequence[str]) -> tuple[Process, ...]:
    """A process of each amount that was measured often enough."""
    found = []
    for name in amounts:
        there = known.subset(~np.isnan(known.measured[name]))
        if len(there) >= MIN_DESIGNS:
            found.append(fit_process(there.inputs(), there.residuals(name)))
    return tuple(found)


def choose(
    processes: Sequence[Process],
    known: Floats,
    candidates: Floats,
    *,
    goals: Floats,
    weights: Floats,
    count: int,
) -> list[int]:
    """Choose rows of `candidates` to measure, the best first.

    Args:
        processes: The fitted processes.
        known: (measured, features) points that were measured.
        candidates: (candidates, features) points that may be measured.
        goals: (goals, features) points whose intervals shall shrink.
        weights: (goals) weight of each goal.
        count: Number of points to choose.

    Returns:
        Indices of `count` candidates; of all if there are fewer.
    """
    left, chosen = list(range(len(candidates))), list[int]()
    while left and len(chosen) < count:
        taken = np.concatenate([known, candidates[chosen]])
        gains = np.zeros(len(left))
        for process in processes:
            gains += process.gains(taken, candidates[left], goals, weights)
        chosen.append(left.pop(int(np.argmax(gains))))
    return chosen


def propose(
    rows: Sequence[Row],
    targets: Sequence[RtlBlock] | Mapping[RtlBlock, float],
    *,
    candidates: Sequence[RtlBlock],
    count: int,
) -> tuple[RtlBlock, ...]:
    """Propose blocks to measure next, the best first.

    Each kind of target without any measurement comes first, with one block, since measurements of
    other kinds say nothing about it. Then all kinds compete.

    Args:
        rows: The measurements so far.
        targets: The blocks whose intervals shall shrink; a mapping gives each a weight (`shares`).
        candidates: The blocks that may be measured; those in `rows` are skipped.
        count: Largest number of proposals.

    Raises:
        ConfigError: There are too few rows.
    """
    weights = targets if isinstance(targets, Mapping) else dict.fromkeys(targets, 1.0)
    if len(rows) < MIN_DESIGNS:
        rule, remedy = f"must be {MIN_DESIGNS} at least", "Measure more: `qnas measure`."
        raise ConfigError(problem("measured blocks", rule, len(rows), remedy))
    measured = [row.block for row in rows]
    processes = processes_of(designs_of_blocks(measured, rows), LEARNED)
    known, found = set(measured), list[RtlBlock]()
    left = [block for block in candidates if block not in known]

    def take(choice: Sequence[RtlBlock], most: int) -> None:
        at = choose(
            processes,
            _inputs([*measured, *found]),
            _inputs(choice),
            goals=_inputs(tuple(weights)),
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


def _inputs(blocks: Sequence[RtlBlock]) -> Floats:
    return designs_of_blocks(blocks).inputs()


def shares(plans: Iterable[Sequence[RtlBlock]]) -> dict[RtlBlock, float]:
    """Weigh blocks by how much they contribute to the variance of the LUTs of their plans.

    Args:
        plans: The blocks of each plan.

    Returns:
        Sum of squared LUT shares of each block, over the plans.
    """
    found: defaultdict[RtlBlock, float] = defaultdict(float)
    for blocks in plans:
        luts = [block_resources(block).lut for block in blocks]
        for block, lut in zip(blocks, luts, strict=True):
            found[block] += (lut / sum(luts)) ** 2
    return dict(found)


def widths(rows: Sequence[Row], targets: Sequence[RtlBlock]) -> float:
    """Mean ratio of 90 % interval width to value, over the targets and LUTs and FFs."""
    found = fit_blocks(rows).predict(designs_of_blocks(targets))
    at = [found.amounts.index(name) for name in LEARNED]
    return float(np.mean(((found.high - found.low) / np.maximum(found.value, 1))[:, at]))
