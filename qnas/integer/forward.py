"""The execution of an integer network's operations on one batch of images.

Axes: B images, then N tokens, H heads, K head dim. Every GEMM's result is (B, rows, tokens);
`_stored` brings it into the layout that later operations read.
"""

from __future__ import annotations

import numpy as np

from qnas import numerics as num
from qnas.integer.parameters import NetworkParams
from qnas.numerics import Ints
from qnas.operations import Epilogue, Gemm, LayerNorm, LoadResidual, Operation, Softmax, Tensor


class IntegerRun:
    """The tensors between operations. Run each operation once, in order, with `output`."""

    def __init__(self, network: NetworkParams, patches: Ints) -> None:
        """`patches`: (B, patches, patch_dim) activations."""
        self._network = network
        self._tensors: dict[Tensor, Ints] = {Tensor.PATCHES: patches}
        self._row_scale: tuple[Ints, Ints] | None = None  # (mult, shift), (B, queries) each

    def output(self, op: Operation) -> Ints:
        """Run `op` and return its output, in the form that `IntegerNetwork.trace` describes."""
        if isinstance(op, Gemm):
            return self._gemm(op)
        if isinstance(op, Softmax):
            return self._softmax(op)
        if isinstance(op, LayerNorm):
            result = self._layer_norm(op)
        elif isinstance(op, LoadResidual):
            batch = len(self._tensors[Tensor.PATCHES])
            result = np.repeat(self._network.position[None], batch, axis=0)
        else:
            result = self._tensors[Tensor.PATCHES]
        self._tensors[op.dst] = result
        return result

    def _layer_norm(self, op: LayerNorm) -> Ints:
        params = self._network.norms[op.name]
        return num.layer_norm(
            self._tensors[Tensor.RESIDUAL][:, : op.tokens],
            gain=params.gain,
            bias=params.bias,
            shift=params.shift,
            epsilon=params.epsilon,
            limit=self._network.act_max,
        )

    def _softmax(self, op: Softmax) -> Ints:
        params = self._network.softmaxes[op.name]
        scores = self._tensors[Tensor.SCORES].swapaxes(1, 2)  # (B, queries, keys)
        probs = num.exponentials(scores, mult=params.mult, shift=params.shift)
        mult, shift = num.row_scale(
            probs.sum(axis=-1), mult=params.out_mult, shift=params.out_shift
        )
        self._tensors[Tensor.PROBS], self._row_scale = probs, (mult, shift)
        return np.concatenate([probs.reshape(len(probs), -1), mult, shift], axis=1)

    def _gemm(self, op: Gemm) -> Ints:
        accumulated = _product(self._left(op), self._right(op))
        if op.epilogue is Epilogue.RAW:
            return self._stored(op, accumulated)
        return self._stored(op, self._saturated(op, self._requantized(op, accumulated)))

    def _left(self, op: Gemm) -> Ints:
        if op.left is Tensor.WEIGHTS:
            return self._network.weights[op.name].weight
        left = self._tensors[op.left]
        return left[:, op.head] if op.left is Tensor.KEY else left

    def _right(self, op: Gemm) -> Ints:
        right = self._tensors[op.right]
        by_head = op.right in (Tensor.QUERY, Tensor.VALUE)
        return right[:, op.head] if by_head else right[:, : op.tokens]

    def _requantized(self, op: Gemm, accumulated: Ints) -> Ints:
        """`accumulated` scaled row by row: by a weight matrix's scales, or by those that softmax
        computed for the queries."""
        if op.left is Tensor.WEIGHTS:
            params = self._network.weights[op.name]
            mult, shift, bias = (
                column[:, None] for column in (params.mult, params.shift, params.bias)
            )
            return num.requantize(accumulated, mult, shift, bias=bias)
        assert self._row_scale is not None
        mult, shift = self._row_scale
        return num.requantize(accumulated, mult[:, :, None], shift[:, :, None])

    def _saturated(self, op: Gemm, value: Ints) -> Ints:
        """`value` saturated to the destination's format, and for GELU looked up in its table."""
        limit = self._network.act_max
        match op.epilogue:
            case Epilogue.ACTIVATION:
                return num.saturate(value, -limit, limit)
            case Epilogue.NIBBLES:
                return num.saturate(value, -num.NIBBLE_MAX, num.NIBBLE_MAX)
            case Epilogue.GELU:
                low, high = num.pre_gelu_bounds(self._network.architecture.activation_bits)
                return self._network.gelus[op.name][num.saturate(value, low, high) - low]
            case Epilogue.LOGITS:
                return num.saturate(value, num.LOGIT_MIN, num.LOGIT_MAX)
            case _:  # the residual stream: saturated after the addition
                return value

    def _stored(self, op: Gemm, result: Ints) -> Ints:
        """Store a result (B, rows, tokens) for later operations, and return it for `output`."""
        heads = (len(result), -1, self._network.architecture.head_dim, op.tokens)
        match op.dst:
            case Tensor.ATTENDED:
                return self._stored_head(op, result)
            case Tensor.SCORES:  # (B, keys, queries)
                laid = result
            case Tensor.VALUE:  # (B, H, K, N)
                laid = result.reshape(heads)
            case Tensor.QUERY | Tensor.KEY:  # (B, H, N, K)
                laid = result.reshape(heads).swapaxes(2, 3)
            case Tensor.LOGITS:  # (B, classes)
                laid = result[:, :, 0]
            case Tensor.RESIDUAL:
                laid = self._added(op, result.swapaxes(1, 2))
            case _:  # (B, N, channels)
                laid = result.swapaxes(1, 2)
        self._tensors[op.dst] = laid
        return laid

    def _stored_head(self, op: Gemm, result: Ints) -> Ints:
        """Store the result (B, queries, K) of one head in its columns of the attended tensor."""
        k = op.tokens
        if op.head == 0:
            shape = (len(result), op.rows, op.dst_channels)
            self._tensors[Tensor.ATTENDED] = np.zeros(shape, dtype=np.int64)
        self._tensors[Tensor.ATTENDED][:, :, op.head * k : (op.head + 1) * k] = result
        return result

    def _added(self, op: Gemm, update: Ints) -> Ints:
        """The residual stream (B, N, D) with `update` added to the tokens that `op` computes."""
        residual = self._tensors[Tensor.RESIDUAL].copy()
        tokens = slice(op.token_offset, op.token_offset + op.tokens)
        residual[:, tokens] = num.saturate(
            residual[:, tokens] + update, num.RESIDUAL_MIN, num.RESIDUAL_MAX
        )
        return residual


def _product(left: Ints, right: Ints) -> Ints:
    """Multiply left, (rows, inner) or (B, rows, inner), by right (B, tokens, inner).

    Returns (B, rows, tokens). The float64 BLAS is exact here: every partial sum is an integer below
    2**53.
    """
    product = left.astype(np.float64) @ right.astype(np.float64).swapaxes(1, 2)
    return product.astype(np.int64)
