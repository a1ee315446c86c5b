"""SubnetWeights: the tensors of one subnet, keyed by the names of `network_operations`.

A Supernet slices the tensors from its shared parameters (as views, so that gradients flow back); an
extracted subnet owns copies. `forward` and the integer export accept both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.supernet.quantizers import fake_quantize_rows

# GELU's minimum, at which its output steps start (see `hidden_low`).
GELU_MIN = -0.17
# Least and greatest integer of a row of each width.
W4, W8 = (num.W4_MIN, num.W4_MAX), (-num.NIBBLE_MAX, num.NIBBLE_MAX)


@dataclass(frozen=True, eq=False)
class MatrixWeights:
    """A matrix of one subnet, as a part of parameters that larger subnets may share.

    The subnet uses the first `inner` inputs and the first rows, as many as is_w8 (rows,) bool has.
    The properties give the subnet's part: weight (rows, inner), bias (rows,), log_step (rows, 1) of
    each row's width, and low and high (rows, 1), the bounds of its integers.
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
        """The weight (rows, inner), quantized to each row's grid."""
        return fake_quantize_rows(self.weight, self.log_step, self.low, self.high)

    def map(self, change: Callable[[Tensor], Tensor]) -> MatrixWeights:
        """The subnet's part without the shared rest, with `change` applied to every tensor."""
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
    """Everything that `forward` needs for one architecture.

    Attributes:
        architecture: The subnet.
        input_step: Step to which normalised images are quantized.
        residual_step: Step of the 16-bit residual stream: a scalar, a power of two.
        position: (N, D) position embedding; row 0 is class token plus position embedding.
        matrices: Weight matrices by operation name.
        norms: LayerNorm parameters by operation name.
        layer_scales: Scales (D,) by the name of the matrix whose output they scale.
        log_steps: Logarithms of the activation steps (scalars) by the name of the operation whose
            output they quantize; `block0.fc1.in` is the step of GELU's input.
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
    """The least integer of GELU's output, just below GELU's minimum: a scalar on the step's device.

    The hardware stores integer - (low + act_max), an activation; the constant is folded into the
    bias of fc2. Nearly half the levels of a symmetric grid would be below GELU's minimum.
    """
    low = (GELU_MIN / log_step.detach().exp()).floor()
    # A diverged step passes through: the loss becomes NaN and is reported there.
    return low.nan_to_num(nan=-1, posinf=-1, neginf=-1)


def hidden_bounds(log_step: Tensor, act_max: int) -> tuple[int, int]:
    """The integers low and high = low + 2 * act_max of GELU's output. Waits for the device."""
    low = int(hidden_low(log_step).item())
    return low, low + 2 * act_max
