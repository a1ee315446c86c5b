"""Parameters of an integer network: integers, keyed by the names of operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.numerics import Ints
from qnas.operations import Operation, network_operations


@dataclass(frozen=True, eq=False)
class MatrixParams:
    """A weight matrix and the requantization of its rows, in the model's row order.

    weight (rows, inner): -8..7 in 4-bit rows, -119..119 in 8-bit rows; is_w8 (rows,) bool;
    bias (rows,) in 2**-8 output steps, 26 bits; mult, shift (rows,): mult / 2**shift.
    """

    weight: Ints
    is_w8: NDArray[np.bool_]
    bias: Ints
    mult: Ints
    shift: Ints


@dataclass(frozen=True, eq=False)
class NormParams:
    """LayerNorm: gain (D,) 18-bit and bias (D,) 36-bit in 2**-shift output steps; epsilon >= 1."""

    gain: Ints
    bias: Ints
    shift: int
    epsilon: int


@dataclass(frozen=True)
class SoftmaxParams:
    """The scales of a softmax: mult / 2**shift converts a score to 2**-8 octaves, and
    out_mult / 2**out_shift a weighted value to output steps."""

    mult: int
    shift: int
    out_mult: int
    out_shift: int


@dataclass(frozen=True, eq=False)
class NetworkParams:
    """Weights and scales of one subnet, all integers, keyed by operation name.

    `input_step` is the step of the activations that normalised images are quantized to; `position`
    (N, D) is class token plus position embedding, in residual steps. `logit_step` is
    the step of the logits in front of the last softmax; None if it is not known.
    """

    architecture: Architecture
    input_step: float
    position: Ints
    weights: Mapping[str, MatrixParams]
    norms: Mapping[str, NormParams]
    softmaxes: Mapping[str, SoftmaxParams]
    gelus: Mapping[str, Ints]
    logit_step: float | None = None
    operations: tuple[Operation, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operations", network_operations(self.architecture))

    @property
    def act_max(self) -> int:
        """Largest magnitude of an activation."""
        return num.act_max(self.architecture.activation_bits)
