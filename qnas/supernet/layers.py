"""Shared parameters of the supernet: a matrix with steps for both widths of every row, and a
norm."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from qnas.architecture import w8_rows
from qnas.supernet.quantizers import fake_quantize_rows
from qnas.supernet.weights import W4, W8, MatrixWeights, NormWeights

# MSE-optimal uniform steps for a normal row of unit deviation, at 15 and 239 levels.
W4_STEP, W8_STEP = 0.335, 0.033
MIN_DEVIATION = 1e-6  # for an all-zero row, as in pruned checkpoints


class Matrix(nn.Module):
    """A weight matrix shared by all subnets, entangled in rows, inputs and precision.

    A subnet uses the first rows and the first inputs; of these rows the most sensitive ones (by
    `rank`, 0 first) are 8-bit. The ranking is nested: a row that is 8-bit at one share is 8-bit at
    every larger share.
    """

    rank: Tensor

    def __init__(self, rows: int, inner: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, inner))
        nn.init.trunc_normal_(self.weight, std=inner**-0.5, a=-2, b=2)
        self.bias = nn.Parameter(torch.zeros(rows))
        self.log_step4 = nn.Parameter(torch.empty(rows))
        self.log_step8 = nn.Parameter(torch.empty(rows))
        self.fit_steps()
        self.register_buffer("rank", torch.arange(rows))
        self._choices: dict[tuple[int, int], Tensor] = {}

    @torch.no_grad()
    def fit_steps(self) -> None:
        """Set both steps of every row from the deviation of its weights (of a single weight, as of
        patches of one grey pixel, its magnitude)."""
        single = self.weight.shape[1] == 1
        spread = self.weight[:, 0].abs() if single else self.weight.std(dim=1)
        deviation = spread.clamp_min(MIN_DEVIATION)
        self.log_step4.copy_((W4_STEP * deviation).log())
        self.log_step8.copy_((W8_STEP * deviation).log())

    def _load_from_state_dict(self, *args: Any) -> None:
        super()._load_from_state_dict(*args)
        self._choices.clear()  # they were computed from the replaced rank

    def _apply(self, *args: Any, **settings: Any) -> Matrix:
        self._choices.clear()  # they are on the device that the rank is about to leave
        super()._apply(*args, **settings)  # type: ignore[no-untyped-call]
        return self

    def slice(self, rows: int, inner: int, share: int) -> MatrixWeights:
        """The first `rows` rows and `inner` inputs, with `share` eighths of the rows 8-bit."""
        is_w8 = self._chosen(rows, w8_rows(rows, share))
        shared = self.weight, self.bias, self.log_step4, self.log_step8
        return MatrixWeights(*shared, is_w8, inner)

    def rerank(self, input_power: Tensor) -> None:
        """Rank the rows by the increase of the output's squared error from 8 to 4 bits, for inputs
        of mean squares `input_power` (inner,)."""
        with torch.no_grad():
            w = self.weight[:, : len(input_power)]
            errors = [
                ((fake_quantize_rows(w, step[:, None], *bounds) - w).square() @ input_power)
                for step, bounds in ((self.log_step4, W4), (self.log_step8, W8))
            ]
            self.rank.copy_((errors[1] - errors[0]).argsort(stable=True).argsort())
        self._choices.clear()

    def _chosen(self, rows: int, w8: int) -> Tensor:
        if (rows, w8) not in self._choices:
            self._choices[rows, w8] = self.rank[:rows].argsort().argsort() < w8
        return self._choices[rows, w8]


class Norm(nn.Module):
    """The parameters of a LayerNorm, sliced by channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def slice(self, channels: int) -> NormWeights:
        return NormWeights(self.gain[:channels], self.bias[:channels])
