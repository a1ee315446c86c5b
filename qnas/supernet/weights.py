"""SubnetWeights: the tensors of one subnet, keyed by the names of `network_operations`.

A Supernet slices them from its shared parameters (views: gradients flow back); an extracted subnet
owns copies. `forward` and the integer export read them and know nothing of where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from qnas.architecture import Architecture
from qnas.supernet.quantizers import fake_quantize_rows

# GELU is nowhere below this, so its output steps start here (see `hidden_bounds`).
GELU_MIN = -0.17


@dataclass(frozen=True, eq=False)
class MatrixWeights:
    """weight (rows, inner), bias (rows,), log_step (rows, 1) of the chosen width of each row,
    low and high (rows, 1) integers of that width, is_w8 (rows,) bool."""

    weight: Tensor
    bias: Tensor
    log_step: Tensor
    low: Tensor
    high: Tensor
    is_w8: Tensor

    def quantized(self) -> Tensor:
        """The weight on each row's grid."""
        return fake_quantize_rows(self.weight, self.log_step, self.low, self.high)


@dataclass(frozen=True, eq=False)
class NormWeights:
    """LayerNorm's gain and bias (D,)."""

    gain: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class SubnetWeights:
    """Everything `forward` needs for one architecture.

    `residual_step` is the grid of the 16-bit residual stream, a power of two (0: none yet).
    position (N, D) holds class token plus position embedding in row 0. `layer_scales` (D,) are
    keyed by the matrix whose output they scale, `log_steps` (scalars) by the operation whose
    output they quantize; `block0.fc1.in` is the step in front of GELU.
    """

    architecture: Architecture
    input_step: float
    residual_step: float
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
            residual_step=self.residual_step,
            position=change(self.position),
            matrices={
                name: MatrixWeights(
                    *(change(t) for t in (m.weight, m.bias, m.log_step, m.low, m.high, m.is_w8))
                )
                for name, m in self.matrices.items()
            },
            norms={n: NormWeights(change(w.gain), change(w.bias)) for n, w in self.norms.items()},
            layer_scales={name: change(t) for name, t in self.layer_scales.items()},
            log_steps={name: change(t) for name, t in self.log_steps.items()},
        )


def hidden_bounds(log_step: Tensor, act_max: int) -> tuple[int, int]:
    """Integers low, high = low + 2 * act_max of GELU's output, from just below its minimum.

    The hardware stores integer - (low + act_max), which is an activation; the constant folds into
    the bias of fc2. A symmetric grid would spend nearly half its levels below GELU's minimum.
    """
    low = (GELU_MIN / log_step.detach().exp()).floor().item()
    # A step that diverged passes through, to be met as a loss that is no number.
    bounded = int(low) if math.isfinite(low) else -1
    return bounded, bounded + 2 * act_max
