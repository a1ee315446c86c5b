"""The steps of activation tensors and of the rows of weight matrices: the least error over a grid
of candidates.

The step of a row is judged by the squared error of its output, that of an activation tensor by the
squared error of the products that the tensor enters: the error of channel d counts with the summed
squares of the weights that multiply it, which is exact for errors that are independent between
channels. Clipping the few largest values pays where their error is less than the finer grid gains
for all others (as in arXiv:1810.05723).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from qnas.architecture import Architecture
from qnas.supernet.layers import MIN_DEVIATION, Matrix
from qnas.supernet.post_training.samples import Samples, consumers
from qnas.supernet.post_training.settings import StepRule
from qnas.supernet.quantizers import (
    LEAST_STEP,
    PERCENTILE,
    largest_integer,
    step_by_magnitude,
)
from qnas.supernet.weights import GELU_MIN, W4, W8, SubnetWeights

CANDIDATES = 48
SMALLEST = 0.08  # of the largest step, which clips nothing
ROW_CANDIDATES = 64
SMALLEST_OF_ROW = {W4: 0.3, W8: 0.6}  # of the step that clips no weight


@dataclass(frozen=True, eq=False)
class Quantizer:
    """A grid of integers `low`..`high` (for GELU's output `low` follows from the step), and the
    function `after` it whose result counts."""

    limit: int
    gelu_output: bool = False
    after: Callable[[Tensor], Tensor] | None = None

    def __call__(self, x: Tensor, step: Tensor) -> Tensor:
        if self.gelu_output:
            low = (GELU_MIN / step).floor()
            return (x / step).round().maximum(low).minimum(low + self.limit) * step
        return (x / step).round().clamp(-self.limit, self.limit) * step

    def largest(self, x: Tensor) -> Tensor:
        """The step at which no value of x is clipped."""
        return (x.abs().amax() / self.limit).clamp_min(LEAST_STEP)


def quantizer_of(name: str, arch: Architecture) -> Quantizer:
    """The quantizer of the activation `name`."""
    limit = largest_integer(name, arch.activation_bits)
    if name.endswith(".fc1.in"):
        return Quantizer(limit, after=F.gelu)
    return Quantizer(limit, gelu_output=name.endswith(".fc1"))


def log_steps(weights: SubnetWeights, samples: Samples, rule: StepRule) -> dict[str, Tensor]:
    """The logarithm of the step of every activation, by name."""
    importance = _importance(weights, samples) if rule == "output" else {}
    found = {}
    for name in weights.log_steps:
        quantizer, x = quantizer_of(name, weights.architecture), samples[name]
        if rule in ("minmax", "percentile"):
            share = 1.0 if rule == "minmax" else PERCENTILE
            step = step_by_magnitude(x, quantizer.limit, share=share)
        else:
            step = least_error(x, quantizer, importance.get(name))
        found[name] = step.log()
    return found


def least_error(x: Tensor, quantizer: Quantizer, importance: Tensor | None) -> Tensor:
    """The step of least squared error of x (n, C), channels weighted by `importance` (C,)."""
    target = quantizer.after(x) if quantizer.after else x
    ratios = torch.logspace(0, 1, CANDIDATES, base=SMALLEST)
    steps = quantizer.largest(x) * ratios

    def error(step: Tensor) -> Tensor:
        quantized = quantizer(x, step)
        found = quantizer.after(quantized) if quantizer.after else quantized
        errors = (found - target).square().mean(dim=0)
        return (errors * importance).sum() if importance is not None else errors.sum()

    best: Tensor = steps[torch.stack([error(step) for step in steps]).argmin()]
    return best.clamp_min(LEAST_STEP)


def _importance(weights: SubnetWeights, samples: Samples) -> dict[str, Tensor]:
    """The weight (C,) of the squared error of each channel of an activation."""
    found = {
        name: torch.stack([_columns(weights, part) for part in parts]).sum(dim=0)
        for name, parts in consumers(weights)
    }
    for index in range(weights.architecture.depth):
        block = f"block{index}"
        query, key = (samples[f"{block}.{part}"].square().mean(dim=0) for part in "qk")
        found |= {f"{block}.q": key, f"{block}.k": query}
        found[f"{block}.v"] = found[f"{block}.attend"]
        found[f"{block}.fc1.in"] = found[f"{block}.fc1"]
    return found


def _columns(weights: SubnetWeights, name: str) -> Tensor:
    """Summed squares of the weights of a matrix for each of its inputs."""
    matrix, scale = weights.matrices[name].weight, weights.layer_scales.get(name)
    return (matrix if scale is None else matrix * scale[:, None]).square().sum(dim=0)


@torch.no_grad()
def fit_rows(matrix: Matrix, input_power: Tensor) -> None:
    """Set both steps of every row to those of the least squared error of its output, for inputs of
    mean squares `input_power` (inner,)."""
    for log_step, bounds in ((matrix.log_step4, W4), (matrix.log_step8, W8)):
        log_step.copy_(row_steps(matrix.weight, input_power, bounds).log())


def row_steps(weight: Tensor, input_power: Tensor, bounds: tuple[int, int]) -> Tensor:
    """The step (rows,) of each row of weight (rows, inner) on the grid of `bounds`."""
    low, high = bounds
    peak = weight.abs().amax(dim=1).clamp_min(MIN_DEVIATION)
    best, least = peak / high, torch.full_like(peak, torch.inf)
    smallest = SMALLEST_OF_ROW.get(bounds, SMALLEST_OF_ROW[W4])
    for ratio in torch.linspace(smallest, 1.0, ROW_CANDIDATES):
        step = ratio * peak / high
        grid = (weight / step[:, None]).round().clamp(low, high) * step[:, None]
        error = (grid - weight).square() @ input_power
        best = torch.where(error < least, step, best)
        least = torch.minimum(error, least)
    return best
