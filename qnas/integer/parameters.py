"""Parameters of an integer network, keyed by the names of operations: integers, checked to fit the
formats of NUMERICS.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.errors import CapacityError, problem
from qnas.numerics import Ints
from qnas.operations import (
    Epilogue,
    Gemm,
    LayerNorm,
    LoadPatches,
    Operation,
    Softmax,
    Tensor,
    network_operations,
)


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


def check_ranges(network: NetworkParams) -> None:
    """Raise CapacityError if a parameter does not fit its format."""
    for op in network.operations:
        if isinstance(op, Gemm) and op.left is Tensor.WEIGHTS:
            _check_matrix(op, network.weights[op.name])
        elif isinstance(op, LayerNorm):
            _check_norm(op, network.norms[op.name])
        elif isinstance(op, Softmax):
            _check_softmax(op, network.softmaxes[op.name])
        elif isinstance(op, LoadPatches):
            _check("num_tokens", network.architecture.num_tokens, 2, num.MAX_KEYS)
        if isinstance(op, Gemm) and op.epilogue is Epilogue.GELU:
            table = network.gelus[op.name]
            _check(f"entries of {op.name}.gelu", len(table), op.table, op.table)
            _check(f"{op.name}.gelu", table, -network.act_max, network.act_max)
    _check("position", network.position, num.RESIDUAL_MIN, num.RESIDUAL_MAX)


def _check_matrix(op: Gemm, params: MatrixParams) -> None:
    if params.weight.shape != (op.rows, op.inner) or int(params.is_w8.sum()) != op.w8_rows:
        raise CapacityError(
            problem(
                f"{op.name}.weight",
                f"must be ({op.rows}, {op.inner}) with {op.w8_rows} 8-bit rows",
                f"{params.weight.shape} with {int(params.is_w8.sum())}",
                "Extract it for this architecture.",
            )
        )
    _check(
        f"{op.name}.weight (8-bit)", params.weight[params.is_w8], -num.NIBBLE_MAX, num.NIBBLE_MAX
    )
    _check(f"{op.name}.weight (4-bit)", params.weight[~params.is_w8], num.W4_MIN, num.W4_MAX)
    _check(f"{op.name}.bias", params.bias, *_signed(num.BIAS_BITS))
    _check(f"{op.name}.mult", params.mult, *_signed(num.MULT_BITS))
    _check(f"{op.name}.shift", params.shift, num.BIAS_FRACTION, num.ROW_SHIFT_MAX)


def _check_norm(op: LayerNorm, params: NormParams) -> None:
    _check(f"{op.name}.gain", params.gain, *_signed(num.GAIN_BITS))
    _check(f"{op.name}.bias", params.bias, *_signed(num.NORM_BIAS_BITS))
    _check(f"{op.name}.shift", params.shift, 1, num.SHIFT_MAX)
    _check(f"{op.name}.epsilon", params.epsilon, 1, (1 << 31) - 1)


def _check_softmax(op: Softmax, params: SoftmaxParams) -> None:
    low, high = 1 << (num.MULT_BITS - 2), (1 << (num.MULT_BITS - 1)) - 1
    _check(f"{op.name}.mult", params.mult, low, high)
    _check(f"{op.name}.out_mult", params.out_mult, low, high)
    _check(f"{op.name}.shift", params.shift, 1, num.SHIFT_MAX)
    # The row scale adds 15 - n to the shift, a number in -1..15.
    _check(f"{op.name}.out_shift", params.out_shift, 2, num.SHIFT_MAX - 15)


def _signed(bits: int) -> tuple[int, int]:
    """Least and greatest signed integer of `bits` bits."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def _check(name: str, values: Ints | int, low: int, high: int) -> None:
    array = np.asarray(values)
    if array.size and (array.min() < low or array.max() > high):
        raise CapacityError(
            problem(
                name,
                f"must lie in {low}..{high}",
                f"{array.min()}..{array.max()}",
                "The scales of this network do not fit the integer formats; train longer or "
                "initialise the step sizes again.",
            )
        )
