"""Corrections of the estimates of RTL blocks, learned from measured blocks.

Gaussian processes over (kind, family, logarithms of parameters) learn the log residuals of LUTs and
FFs. DSPs and block RAM are counted, not learned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from qnas.accel.calibration.gaussian_process import Processes, fit_processes
from qnas.accel.calibration.pairs import MIN_PAIRS, Floats
from qnas.accel.cost.blocks import block_resources
from qnas.accel.rtl.block import FAMILIES, RtlBlock
from qnas.accel.rtl.kinds import KINDS
from qnas.accel.rtl.table import Row
from qnas.errors import ConfigError, problem

LEARNED, COUNTED = ("lut", "ff"), ("dsp", "bram18")
APART = 4.0  # distance between blocks of different kinds, in doublings of a parameter
NEAR = 0.95  # share of measured blocks within `reach` of their nearest neighbour
NAMES = tuple(sorted({name for kind in KINDS.values() for name in kind.parameters}))


@dataclass(frozen=True, slots=True)
class BlockPrediction:
    """Predicted amounts of blocks.

    Attributes:
        value: (blocks, LEARNED) amounts.
        low: (blocks, LEARNED) lower ends of the 90 % intervals.
        high: (blocks, LEARNED) upper ends.
        spread: (blocks, LEARNED) standard deviations of the log residual, by the process.
        far: (blocks) whether the block is farther from the measured blocks than NEAR of these are
            from each other.
    """

    value: Floats
    low: Floats
    high: Floats
    spread: Floats
    far: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BlockModel:
    """A fitted model of blocks; made by `fit_blocks`.

    `known` holds the features of the measured blocks, `reach` the distance beyond which a block is
    far from them.
    """

    processes: Processes
    known: KDTree
    reach: float

    def predict(self, blocks: Sequence[RtlBlock]) -> BlockPrediction:
        """Predict the amounts of blocks, with their intervals."""
        x, raw = features(blocks), estimates(blocks, LEARNED)
        shift, spread = self.processes.predict(x)
        middle, half = np.log1p(raw) + shift, spread * self.processes.stretch
        value, low, high = (np.maximum(0.0, np.expm1(middle + s * half)) for s in (0, -1, 1))
        return BlockPrediction(value, low, high, spread, self.known.query(x)[0] > self.reach)


def fit_blocks(rows: Sequence[Row]) -> BlockModel:
    """Fit the model to measured blocks.

    Raises:
        ConfigError: There are fewer than MIN_PAIRS rows.
    """
    if len(rows) < MIN_PAIRS:
        rule, remedy = f"must be {MIN_PAIRS} at least", "Measure more: `qnas measure`."
        raise ConfigError(problem("measured blocks", rule, len(rows), remedy))
    blocks = [row.block for row in rows]
    raw = estimates(blocks, LEARNED)
    x, residuals = features(blocks), np.log1p(measured(rows, LEARNED)) - np.log1p(raw)
    known = KDTree(x)
    reach = float(np.quantile(known.query(x, k=2)[0][:, 1], NEAR))
    return BlockModel(fit_processes(x, residuals), known, reach)


def measured(rows: Sequence[Row], resources: Sequence[str]) -> Floats:
    """Return the measured amounts, (rows, resources)."""
    return np.array([[getattr(row, name) for name in resources] for row in rows], float)


def estimates(blocks: Sequence[RtlBlock], resources: Sequence[str]) -> Floats:
    """Return the amounts by the cost model's formulas, (blocks, resources)."""
    found = [block_resources(block) for block in blocks]
    return np.array([[getattr(f, name) for name in resources] for f in found], float)


def features(blocks: Sequence[RtlBlock]) -> Floats:
    """Return (blocks, features): kind, family and parameters of each block.

    Kind and family are one-hot, scaled by APART; a parameter p becomes log2(1 + p).
    """
    kinds = tuple(KINDS)
    rows = []
    for block in blocks:
        given = dict(block.parameters)
        one_hot = [APART * (block.kind == kind) for kind in kinds]
        family = APART * FAMILIES.index(block.family)
        rows.append([*one_hot, family, *(math.log2(1 + given.get(name, 0)) for name in NAMES)])
    return np.array(rows, float)
