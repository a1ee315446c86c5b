"""The operations of a subnet between its matrix products: each quantizer fused with the operation
before it. For float32 tensors on a CPU each is one compiled pass over memory in each direction;
elsewhere torch's operators compute the same function.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from qnas.numerics import NIBBLE_MAX
from qnas.supernet.cpu import native
from qnas.supernet.cpu.functions import Added, Heads, Hidden, Joined, Norm, Probabilities, apply
from qnas.supernet.quantizers import fake_quantize, fake_quantize_probs, on_grid
from qnas.supernet.weights import hidden_low

Bounds = tuple[int, int]


def quantized_norm(
    x: Tensor, gain: Tensor, bias: Tensor, epsilon: float, *, log_step: Tensor, limit: int
) -> Tensor:
    """Compute LayerNorm over the last axis, quantized to the grid -limit..limit."""
    if native.takes(x):
        result: Tensor = apply(Norm, x, gain, bias, log_step, epsilon, limit)
        return result
    y = F.layer_norm(x, x.shape[-1:], gain, bias, epsilon)
    return fake_quantize(y, log_step, -limit, limit)


def quantized_heads(
    x: Tensor, log_steps: Sequence[Tensor], limits: Sequence[int], num_heads: int
) -> tuple[Tensor, ...]:
    """Split x (B, N, 3 * H * K) into queries, keys and values, quantize each to its own grid, and
    cut each into heads (B, H, N, K)."""
    if native.takes(x):
        cut: tuple[Tensor, ...] = apply(Heads, x, num_heads, tuple(limits), *log_steps)
        return cut
    parts = zip(x.chunk(len(limits), dim=-1), log_steps, limits, strict=True)
    return tuple(heads(fake_quantize(y, step, -m, m), num_heads) for y, step, m in parts)


def quantized_joined(x: Tensor, *, log_step: Tensor, limit: int) -> Tensor:
    """Join heads (B, H, N, K) to (B, N, H * K), quantized to the grid -limit..limit."""
    if native.takes(x):
        result: Tensor = apply(Joined, x, log_step, limit)
        return result
    return fake_quantize(joined(x), log_step, -limit, limit)


def quantized_hidden(
    x: Tensor, *, log_step_in: Tensor, bounds: Bounds, log_step: Tensor, act_max: int
) -> Tensor:
    """Quantize x to the grid of `bounds`, apply GELU, and quantize to the output's grid
    (`hidden_low`)."""
    if native.takes(x):
        result: Tensor = apply(Hidden, x, log_step_in, log_step, bounds, 2 * act_max)
        return result
    y, low = F.gelu(fake_quantize(x, log_step_in, *bounds)), hidden_low(log_step)
    return fake_quantize(y, log_step, low, low + 2 * act_max)


def added(residual: Tensor, update: Tensor, step: Tensor) -> Tensor:
    """Add the update (B, N, D), rounded to the residual's grid, to the residual, (B, N, D) or
    (N, D)."""
    if native.takes(update):
        result: Tensor = apply(Added, residual, update, step)
        return result
    return residual + on_grid(update, step)


def probabilities(scores: Tensor, factor: float) -> Tensor:
    """Compute the hardware's softmax of factor * scores: `fake_quantize_probs` on 0..119."""
    if native.takes(scores):
        result: Tensor = apply(Probabilities, scores, factor)
        return result
    return fake_quantize_probs(scores * factor, NIBBLE_MAX)


def heads(x: Tensor, num_heads: int) -> Tensor:
    """Cut x (B, N, H * K) into heads (B, H, N, K)."""
    return x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """Join heads (B, H, N, K) to (B, N, H * K)."""
    return x.transpose(1, 2).flatten(2)
