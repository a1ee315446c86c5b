"""IntegerNetwork: the integer reference. Every rung below it equals it bit for bit.

It walks the same `network_operations` that the hardware plan is lowered from, a batch at a time,
in exact integer arithmetic (`numerics`). Nothing in it rounds as a float does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError, problem
from qnas.numerics import Ints
from qnas.operations import (
    Epilogue,
    Gemm,
    LayerNorm,
    LoadPatches,
    LoadResidual,
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
    """mult / 2**shift: score to 2**-8 octaves. out_mult / 2**out_shift: value to output step."""

    mult: int
    shift: int
    out_mult: int
    out_shift: int


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Weights and scales of one subnet, all integers, keyed by operation name.

    `input_step` turns normalised float images into activations; `position` (N, D) is class
    token and position embedding in residual steps.
    """

    architecture: Architecture
    input_step: float
    position: Ints
    weights: Mapping[str, MatrixParams]
    norms: Mapping[str, NormParams]
    softmaxes: Mapping[str, SoftmaxParams]
    gelus: Mapping[str, Ints]
    operations: tuple[Operation, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operations", network_operations(self.architecture))
        check_ranges(self)

    @property
    def act_max(self) -> int:
        """Largest activation, in magnitude too."""
        return num.act_max(self.architecture.activation_bits)

    def quantize_images(self, images: NDArray[np.float32]) -> Ints:
        """(B, C, H, W) normalised floats to (B, N-1, patch_dim) activations."""
        arch = self.architecture
        batch, side, patch = len(images), arch.image_size // arch.patch_size, arch.patch_size
        if images.shape[1:] != (arch.in_channels, arch.image_size, arch.image_size):
            raise ConfigError(
                problem(
                    "images",
                    f"must be (B, {arch.in_channels}, {arch.image_size}, {arch.image_size})",
                    images.shape,
                    "Resize or convert them.",
                )
            )
        steps = np.rint(images.astype(np.float64) / self.input_step)
        pixels = np.clip(steps, -self.act_max, self.act_max).astype(np.int64)
        grid = pixels.reshape(batch, arch.in_channels, side, patch, side, patch)
        return grid.transpose(0, 2, 4, 1, 3, 5).reshape(batch, side * side, arch.patch_dim)

    def trace(self, patches: Ints) -> Iterator[tuple[str, Ints]]:
        """(operation name, its output tensor (B, ...)) in execution order. For the softmax the
        probabilities (queries, keys), multipliers and shifts (queries), flattened in a row."""
        state = _State(self, patches)
        for op in self.operations:
            yield op.name, state.run(op)

    def logits(self, patches: Ints) -> Ints:
        """(B, N-1, patch_dim) integers to (B, classes) integers of one common scale."""
        *_, (_, logits) = self.trace(patches)
        return logits

    def predict(self, images: NDArray[np.float32], *, batch: int = 256) -> Ints:
        """Class of each float image; the lowest index on ties."""
        parts = [images[i : i + batch] for i in range(0, len(images), batch)]
        classes = [self.logits(self.quantize_images(part)).argmax(axis=1) for part in parts]
        return np.concatenate(classes)


class _State:
    """Tensors of one batch on their way through the operations."""

    def __init__(self, network: IntegerNetwork, patches: Ints) -> None:
        self.network = network
        self.tensors: dict[Tensor, Ints] = {Tensor.PATCHES: patches}
        self.row_scale: tuple[Ints, Ints] | None = None

    def run(self, op: Operation) -> Ints:
        if isinstance(op, Gemm):
            return self._gemm(op)
        if isinstance(op, LayerNorm):
            params, x = self.network.norms[op.name], self.tensors[Tensor.RESIDUAL]
            result = num.layer_norm(
                x[:, : op.tokens],
                gain=params.gain,
                bias=params.bias,
                shift=params.shift,
                epsilon=params.epsilon,
                limit=self.network.act_max,
            )
        elif isinstance(op, Softmax):
            return self._softmax(op)
        elif isinstance(op, LoadResidual):
            batch = len(self.tensors[Tensor.PATCHES])
            result = np.repeat(self.network.position[None], batch, axis=0)
        else:
            result = self.tensors[Tensor.PATCHES]
        self.tensors[op.dst] = result
        return result

    def _softmax(self, op: Softmax) -> Ints:
        params = self.network.softmaxes[op.name]
        scores = self.tensors[Tensor.SCORES].swapaxes(1, 2)  # (B, queries, keys)
        probs = num.exponentials(scores, mult=params.mult, shift=params.shift)
        mult, shift = num.row_scale(
            probs.sum(axis=-1), mult=params.out_mult, shift=params.out_shift
        )
        self.tensors[Tensor.PROBS], self.row_scale = probs, (mult, shift)
        return np.concatenate([probs.reshape(len(probs), -1), mult, shift], axis=1)

    def _gemm(self, op: Gemm) -> Ints:
        acc = _product(self._left(op), self._right(op))  # (B, rows, tokens)
        if op.epilogue is Epilogue.RAW:
            result = acc
        else:
            result = _EPILOGUES[op.epilogue](self, op, self._requantized(op, acc))
        return self._store(op, result)

    def _left(self, op: Gemm) -> Ints:
        if op.left is Tensor.WEIGHTS:
            return self.network.weights[op.name].weight
        left = self.tensors[op.left]
        return left[:, op.head] if op.left is Tensor.KEY else left

    def _right(self, op: Gemm) -> Ints:
        right = self.tensors[op.right]
        return (
            right[:, op.head] if op.right in (Tensor.QUERY, Tensor.VALUE) else right[:, : op.tokens]
        )

    def _requantized(self, op: Gemm, acc: Ints) -> Ints:
        if op.left is Tensor.WEIGHTS:
            params = self.network.weights[op.name]
            column = (slice(None), None)
            return num.requantize(
                acc, params.mult[column], params.shift[column], bias=params.bias[column]
            )
        assert self.row_scale is not None
        mult, shift = self.row_scale
        return num.requantize(acc, mult[:, :, None], shift[:, :, None])

    def _store(self, op: Gemm, result: Ints) -> Ints:
        """Put (B, rows, tokens) where later operations find it; returns the canonical tensor."""
        batch, k = len(result), self.network.architecture.head_dim
        if op.dst in (Tensor.QUERY, Tensor.KEY):
            result = result.reshape(batch, -1, k, op.tokens).swapaxes(2, 3)
        elif op.dst is Tensor.VALUE:
            result = result.reshape(batch, -1, k, op.tokens)
        elif op.dst is Tensor.ATTENDED:
            return self._store_head(op, result)
        elif op.dst is Tensor.LOGITS:
            result = result[:, :, 0]
        elif op.dst is not Tensor.SCORES:
            result = result.swapaxes(1, 2)
        if op.dst is Tensor.RESIDUAL:
            result = self._accumulate(op, result)
        self.tensors[op.dst] = result
        return result

    def _store_head(self, op: Gemm, result: Ints) -> Ints:
        """(B, queries, K) of one head into its columns of the attended tensor."""
        k = op.tokens
        if op.head == 0:
            shape = (len(result), op.rows, op.dst_channels)
            self.tensors[Tensor.ATTENDED] = np.zeros(shape, dtype=np.int64)
        self.tensors[Tensor.ATTENDED][:, :, op.head * k : (op.head + 1) * k] = result
        return result

    def _accumulate(self, op: Gemm, update: Ints) -> Ints:
        residual = self.tensors[Tensor.RESIDUAL].copy()
        tokens = slice(op.token_offset, op.token_offset + op.tokens)
        residual[:, tokens] = num.saturate(
            residual[:, tokens] + update, num.RESIDUAL_MIN, num.RESIDUAL_MAX
        )
        return residual


def _activation(state: _State, op: Gemm, value: Ints) -> Ints:
    limit = state.network.act_max
    return num.saturate(value, -limit, limit)


def _nibbles(state: _State, op: Gemm, value: Ints) -> Ints:
    return num.saturate(value, -num.NIBBLE_MAX, num.NIBBLE_MAX)


def _gelu(state: _State, op: Gemm, value: Ints) -> Ints:
    low, high = num.pre_gelu_bounds(state.network.architecture.activation_bits)
    return state.network.gelus[op.name][num.saturate(value, low, high) - low]


def _residual(state: _State, op: Gemm, value: Ints) -> Ints:
    return value  # added and saturated where it is stored


def _logits(state: _State, op: Gemm, value: Ints) -> Ints:
    return num.saturate(value, num.LOGIT_MIN, num.LOGIT_MAX)


_EPILOGUES = {
    Epilogue.ACTIVATION: _activation,
    Epilogue.NIBBLES: _nibbles,
    Epilogue.GELU: _gelu,
    Epilogue.RESIDUAL: _residual,
    Epilogue.LOGITS: _logits,
}


def _product(left: Ints, right: Ints) -> Ints:
    """left (rows, inner) or (B, rows, inner) times right (B, tokens, inner): (B, rows, tokens).

    Through float64 BLAS, which is exact: every partial sum is an integer below 2**53.
    """
    product = left.astype(np.float64) @ right.astype(np.float64).swapaxes(1, 2)
    return product.astype(np.int64)


def check_ranges(network: IntegerNetwork) -> None:
    """CapacityError if a parameter does not fit its format (NUMERICS.md, table of formats)."""
    for op in network.operations:
        if isinstance(op, Gemm) and op.left is Tensor.WEIGHTS:
            _check_matrix(op, network.weights[op.name])
        elif isinstance(op, LayerNorm):
            norm = network.norms[op.name]
            _check(f"{op.name}.gain", norm.gain, *_signed(num.GAIN_BITS))
            _check(f"{op.name}.bias", norm.bias, *_signed(num.NORM_BIAS_BITS))
            _check(f"{op.name}.shift", norm.shift, 1, num.SHIFT_MAX)
            _check(f"{op.name}.epsilon", norm.epsilon, 1, (1 << 31) - 1)
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


def _check_softmax(op: Softmax, params: SoftmaxParams) -> None:
    low, high = 1 << (num.MULT_BITS - 2), (1 << (num.MULT_BITS - 1)) - 1
    _check(f"{op.name}.mult", params.mult, low, high)
    _check(f"{op.name}.out_mult", params.out_mult, low, high)
    _check(f"{op.name}.shift", params.shift, 1, num.SHIFT_MAX)
    # The row scale adds up to 15 to it and takes up to 15 - n >= -1 away.
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
