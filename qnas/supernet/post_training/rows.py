"""The steps of the rows of a weight matrix: the least error of the row's output."""

from __future__ import annotations

import torch
from torch import Tensor

from qnas.supernet.layers import MIN_DEVIATION, Matrix
from qnas.supernet.weights import W4, W8

CANDIDATES = 64
SMALLEST = {W4: 0.3, W8: 0.6}  # of the step that clips no weight


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
    for ratio in torch.linspace(SMALLEST.get(bounds, SMALLEST[W4]), 1.0, CANDIDATES):
        step = ratio * peak / high
        grid = (weight / step[:, None]).round().clamp(low, high) * step[:, None]
        error = (grid - weight).square() @ input_power
        best = torch.where(error < least, step, best)
        least = torch.minimum(error, least)
    return best
