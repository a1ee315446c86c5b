"""SubnetWeights: the tensors of one subnet, keyed by the names of `network_operations`.

A Supernet slices them from its shared parameters (views: gradients flow back); an extracted subnet
owns copies. `forward` and the integer export read them and know nothing of where they come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.supernet.quantizers import fake_quantize_rows

# GELU is nowhere below this, so its output steps start here (see `hidden_low`).
GELU_MIN = -0.17
# Least and greatest integer of a row of that width.
W4, W8 = (num.W4_MIN, num.W4_MAX), (-num.NIBBLE_MAX, num.NIBBLE_MAX)


@dataclass(frozen=True, eq=False)
class MatrixWeights:
    """A matrix of one subnet: of these parameters, which larger subnets may share, the first
    `inner` inputs and as many of the first rows as there are in is_w8 (rows,), bool.

    The properties are the subnet's part: weight (rows, inner), bias (rows,), log_step (rows, 1) of
    each row's width, low and high (rows, 1) its integers.
    """

    whole_weight: Tensor
    whole_bias: Tensor
    log_step4: Tensor
    log_step8: Tensor
    is_w8: Tensor
    inner: int

    @property
    def rows(self) -> int:
        return len(self.is_w8)

    @property
    def weight(self) -> Tensor:
        return self.whole_weight[: self.rows, : self.inner]

    @property
    def bias(self) -> Tensor:
        return self.whole_bias[: self.rows]

    @property
    def log_step(self) -> Tensor:
        steps = self.log_step8[: self.rows], self.log_step4[: self.rows]
        return torch.where(self.is_w8, *steps)[:, None]

    @property
    def low(self) -> Tensor:
        return self._bound(W8[0], W4[0])

    @property
    def high(self) -> Tensor:
        return self._bound(W8[1], W4[1])

    def _bound(self, wide: int, narrow: int) -> Tensor:
        return torch.where(self.is_w8, float(wide), float(narrow))[:, None]

    def quantized(self) -> Tensor:
        """The weight on each row's grid."""
        return fake_quantize_rows(self.weight, self.log_step, self.low, self.high)

    def map(self, change: Callable[[Tensor], Tensor]) -> MatrixWeights:
        """The subnet's part alone, with `change` applied to every tensor."""
        return MatrixWeights(
            change(self.weight),
            change(self.bias),
            change(self.log_step4[: self.rows]),
            change(self.log_step8[: self.rows]),
            change(self.is_w8),
            self.inner,
        )


@dataclass(frozen=True, eq=False)
class NormWeights:
    """LayerNorm's gain and bias (D,)."""

    gain: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class SubnetWeights:
    """Everything `forward` needs for one architecture.

    `residual_step` is the grid of the 16-bit residual stream, a scalar: a power of two. position
    (N, D) holds class token plus position embedding in row 0. `layer_scales` (D,) are keyed by the
    matrix whose output they scale, `log_steps` (scalars) by the operation whose output they
    quantize; `block0.fc1.in` is the step in front of GELU.
    """

    architecture: Architecture
    input_step: float
    residual_step: Tensor
    position: Tensor
    matrices: Mapping[str, MatrixWeights]
    norms: Mapping[str, NormWeights]
    layer_scales: Mapping[str, Tensor]
    log_steps: Mapping[str, Tensor]

    def map(self, change: Callable[[Tensor], Tensor]) -> SubnetWeights:
        """The same weights with `change` applied to every tensor."""
        return SubnetWeights(
            architecture=self.architecture,
            input_step=self.input_step,
            residual_step=change(self.residual_step),
            position=change(self.position),
            matrices={name: matrix.map(change) for name, matrix in self.matrices.items()},
            norms={n: NormWeights(change(w.gain), change(w.bias)) for n, w in self.norms.items()},
            layer_scales={name: change(t) for name, t in self.layer_scales.items()},
            log_steps={name: change(t) for name, t in self.log_steps.items()},
        )


def hidden_low(log_step: Tensor) -> Tensor:
    """The least integer of GELU's output, just below its minimum: a scalar on the step's device.

    The hardware stores integer - (low + act_max), which is an activation; the constant folds into
    the bias of fc2. A symmetric grid would spend nearly half its levels below GELU's minimum.
    """
    low = (GELU_MIN / log_step.detach().exp()).floor()
    # A step that diverged passes through, to be met as a loss that is no number.
    return low.nan_to_num(nan=-1, posinf=-1, neginf=-1)


def hidden_bounds(log_step: Tensor, act_max: int) -> tuple[int, int]:
    """Integers low, high = low + 2 * act_max of GELU's output. Waits for the device."""
    low = int(hidden_low(log_step).item())
    return low, low + 2 * act_max
