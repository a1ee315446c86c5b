"""What a subnet computes between its matrix products: quantizers together with what lies in front
of them. Each is one pass over memory each way where a compiled one takes the tensor, float32 on a
CPU; anywhere else the same of torch's operators.
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
    """LayerNorm over the last axis, on the grid -limit..limit."""
    if native.takes(x):
        result: Tensor = apply(Norm, x, gain, bias, log_step, epsilon, limit)
        return result
    y = F.layer_norm(x, x.shape[-1:], gain, bias, epsilon)
    return fake_quantize(y, log_step, -limit, limit)


def quantized_heads(
    x: Tensor, log_steps: Sequence[Tensor], limits: Sequence[int], num_heads: int
) -> tuple[Tensor, ...]:
    """Queries, keys and values side by side, x (B, N, 3 * H * K), each on a grid of its own and
    cut into heads: (B, H, N, K)."""
    if native.takes(x):
        cut: tuple[Tensor, ...] = apply(Heads, x, num_heads, tuple(limits), *log_steps)
        return cut
    parts = zip(x.chunk(len(limits), dim=-1), log_steps, limits, strict=True)
    return tuple(heads(fake_quantize(y, step, -m, m), num_heads) for y, step, m in parts)


def quantized_joined(x: Tensor, *, log_step: Tensor, limit: int) -> Tensor:
    """Heads (B, H, N, K) joined to (B, N, H * K), on the grid -limit..limit."""
    if native.takes(x):
        result: Tensor = apply(Joined, x, log_step, limit)
        return result
    return fake_quantize(joined(x), log_step, -limit, limit)


def quantized_hidden(
    x: Tensor, *, log_step_in: Tensor, bounds: Bounds, log_step: Tensor, act_max: int
) -> Tensor:
    """x on the grid of `bounds`, through GELU, and on the grid of its output (`hidden_low`)."""
    if native.takes(x):
        result: Tensor = apply(Hidden, x, log_step_in, log_step, bounds, 2 * act_max)
        return result
    y, low = F.gelu(fake_quantize(x, log_step_in, *bounds)), hidden_low(log_step)
    return fake_quantize(y, log_step, low, low + 2 * act_max)


def added(residual: Tensor, update: Tensor, step: Tensor) -> Tensor:
    """The residual, (B, N, D) or (N, D), plus the update (B, N, D) on the residual's grid."""
    if native.takes(update):
        result: Tensor = apply(Added, residual, update, step)
        return result
    return residual + on_grid(update, step)


def probabilities(scores: Tensor, factor: float) -> Tensor:
    """The hardware's softmax of factor * scores: `fake_quantize_probs` on 0..119."""
    if native.takes(scores):
        result: Tensor = apply(Probabilities, scores, factor)
        return result
    return fake_quantize_probs(scores * factor, NIBBLE_MAX)


def heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, N, H * K) to (B, H, N, K)."""
    return x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """(B, H, N, K) to (B, N, H * K)."""
    return x.transpose(1, 2).flatten(2)
