"""Measured blocks of the RTL twin teach what is wrong with their estimates.

A Gaussian process a resource over (kind, family, logarithms of parameters) learns the log residual:
it knows how far a block lies from those that were measured, which is what the choice of the next
measurement needs. Its 90 % interval is made conformal by the errors on blocks left out. DSP and
block RAM are counted, not learned.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from qnas.accel.twin.block import FAMILIES, Block
from qnas.accel.twin.kinds import KINDS
from qnas.accel.twin.table import Row
from qnas.errors import ConfigError, problem
from qnas.objectives.calibration.pairs import MIN_PAIRS, Floats
from qnas.objectives.cost.blocks import block_resources

LEARNED, COUNTED = ("lut", "ff"), ("dsp", "bram18")
LEVEL = 0.9
CLEARLY = 0.9  # of the error of estimates: what is learned must be that much better to be used
APART = 4.0  # how far blocks of different kinds lie from each other, in doublings of a parameter
NAMES = tuple(sorted({name for kind in KINDS.values() for name in kind.parameters}))


@dataclass(frozen=True, slots=True)
class BlockPrediction:
    """(blocks, LEARNED) each, amounts; `spread` is the process' own, of the log residual."""

    value: Floats
    low: Floats
    high: Floats
    spread: Floats


@dataclass(frozen=True, slots=True)
class BlockModel:
    """Made by `fit_blocks`. (LEARNED) each: `learned`, whether the process beats the estimate on
    blocks left out, which else is the prediction; `stretch`, half an interval over the process'
    spread."""

    processes: tuple[GaussianProcessRegressor, ...]
    learned: NDArray[np.bool_]
    stretch: Floats

    def predict(self, blocks: Sequence[Block]) -> BlockPrediction:
        x, raw = features(blocks), _estimates(blocks)
        found = [process.predict(x, return_std=True) for process in self.processes]
        shift, spread = (np.stack([f[i] for f in found], axis=1) for i in (0, 1))
        middle, half = np.log1p(raw) + shift * self.learned, spread * self.stretch
        value, low, high = (np.maximum(0.0, np.expm1(middle + s * half)) for s in (0, -1, 1))
        return BlockPrediction(value, low, high, spread)


def fit_blocks(rows: Sequence[Row]) -> BlockModel:
    """ConfigError for fewer than MIN_PAIRS."""
    if len(rows) < MIN_PAIRS:
        rule, remedy = f"must be {MIN_PAIRS} at least", "Measure more: `qnas measure`."
        raise ConfigError(problem("measured blocks", rule, len(rows), remedy))
    blocks = [row.block for row in rows]
    x, residuals = features(blocks), np.log1p(measured(rows)) - np.log1p(_estimates(blocks))
    processes = tuple(_process(x, residuals[:, i]) for i in range(len(LEARNED)))
    found = [_left_out(p, residuals[:, i]) for i, p in enumerate(processes)]
    learned, stretch = zip(*found, strict=True)
    return BlockModel(processes, np.array(learned), np.array(stretch))


def measured(rows: Sequence[Row]) -> Floats:
    """(rows, LEARNED)."""
    return np.array([[getattr(row, name) for name in LEARNED] for row in rows], float)


def features(blocks: Sequence[Block]) -> Floats:
    """(blocks, features): kind and family one-hot, APART; log2 of one more than each parameter."""
    kinds = tuple(KINDS)
    rows = []
    for block in blocks:
        given = dict(block.parameters)
        one_hot = [APART * (block.kind == kind) for kind in kinds]
        family = APART * FAMILIES.index(block.family)
        rows.append([*one_hot, family, *(math.log2(1 + given.get(name, 0)) for name in NAMES)])
    return np.array(rows, float)


def _estimates(blocks: Sequence[Block]) -> Floats:
    found = [block_resources(block) for block in blocks]
    return np.array([[getattr(f, name) for name in LEARNED] for f in found], float)


def _process(x: Floats, y: Floats) -> GaussianProcessRegressor:
    """Length and size of what is learned, and of noise, by the likelihood of what was measured."""
    kernel = ConstantKernel(1e-2, (1e-5, 1.0)) * RBF(2.0, (0.5, 20.0)) + WhiteKernel(
        1e-3, (1e-5, 1e-1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of the search is an answer
        return GaussianProcessRegressor(kernel, random_state=0).fit(x, y)


def _left_out(process: GaussianProcessRegressor, y: Floats) -> tuple[bool, float]:
    """Every block left out (Rasmussen and Williams, 5.12: error and spread follow from the inverse
    covariance): whether the process is nearer than 0, and the conformal quantile of error over
    spread."""
    inverse: NDArray[np.float64] = np.linalg.inv(process.kernel_(process.X_train_))
    spread, error = 1 / np.sqrt(np.diag(inverse)), inverse @ y / np.diag(inverse)
    learned = bool(np.mean(abs(error)) < CLEARLY * np.mean(abs(y)))
    rank = min(1.0, math.ceil((len(y) + 1) * LEVEL) / len(y))
    scores = abs(error if learned else y) / spread
    return learned, float(np.quantile(scores, rank, method="higher"))
