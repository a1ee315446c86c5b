"""The compiled passes over activations as autograd Functions: the outputs of each pass, and the
gradients of its inputs and of the logarithms of its steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from qnas.numerics import EXP_FRACTION, NIBBLE_MAX
from qnas.supernet.cpu import native


def apply(function: type[Function], *arguments: Any) -> Any:
    """Apply an autograd Function to `arguments`."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


class Norm(Function):
    """`quantized_norm` of fused.py."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        bias: Tensor,
        log_step: Tensor,
        epsilon: float,
        limit: int,
    ) -> Tensor:
        x, gain, bias, step = x.contiguous(), gain.contiguous(), bias.contiguous(), log_step.exp()
        out, moments = torch.empty_like(x), torch.empty(*x.shape[:-1], 2)
        grid = gain, bias, epsilon, step, limit
        native.run("quantize_norm", x, out, moments, *_shape(x), *grid)
        ctx.save_for_backward(x, gain, bias, step, moments)
        ctx.limit = limit
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, bias, step, moments = ctx.saved_tensors
        found = tuple(torch.empty_like(t) for t in (x, gain, bias, step))
        inputs = grads[0].contiguous(), x, moments, found[0], *_shape(x)
        native.run("quantize_norm_backward", *inputs, gain, bias, step, ctx.limit, *found[1:])
        return *found, None, None


class Heads(Function):
    """`quantized_heads` of fused.py."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, num_heads: int, limits: tuple[int, ...], *log_steps: Tensor
    ) -> tuple[Tensor, ...]:
        x, steps = x.contiguous(), [log_step.exp() for log_step in log_steps]
        ctx.shape, ctx.limits = _turned(x, num_heads, parts=len(limits)), limits
        ctx.save_for_backward(x, *steps)
        (batch, i, j, k, *_), outs = ctx.shape, []
        for part, step, limit in zip(x.chunk(len(limits), -1), steps, limits, strict=True):
            outs.append(torch.empty(batch, i, j, k))
            native.run("quantize_turned", part, outs[-1], *ctx.shape, step, -limit, limit)
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *steps = ctx.saved_tensors
        result, found = torch.empty_like(x), [torch.empty_like(step) for step in steps]
        parts = (t.chunk(len(steps), -1) for t in (x, result))
        for grad, part, to, step, limit, of_step in zip(
            grads, *parts, steps, ctx.limits, found, strict=True
        ):
            grid = step, -limit, limit, of_step
            arrays = grad.contiguous(), part, to
            native.run("quantize_turned_backward", *arrays, *ctx.shape, *grid)
        return result, None, None, *found


def _turned(x: Tensor, num_heads: int, *, parts: int) -> tuple[int, ...]:
    """Sizes and strides with which `quantize_turned` reads heads in (B, N, parts * H * K)."""
    batch, tokens, width = x.shape
    head_dim = width // (parts * num_heads)
    return batch, num_heads, tokens, head_dim, tokens * width, head_dim, width


class Joined(Function):
    """`quantized_joined` of fused.py."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, limit: int) -> Tensor:
        x, step = x.contiguous(), log_step.exp()
        batch, num_heads, tokens, head_dim = x.shape
        matrix = tokens * head_dim
        ctx.shape = batch, tokens, num_heads, head_dim, num_heads * matrix, head_dim, matrix
        ctx.limit = limit
        out = torch.empty(batch, tokens, num_heads * head_dim)
        native.run("quantize_turned", x, out, *ctx.shape, step, -limit, limit)
        ctx.save_for_backward(x, step)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, step = ctx.saved_tensors
        result, of_step = torch.empty_like(x), torch.empty_like(step)
        arrays, grid = (grads[0].contiguous(), x, result), (step, -ctx.limit, ctx.limit, of_step)
        native.run("quantize_turned_backward", *arrays, *ctx.shape, *grid)
        return result, of_step, None


class Hidden(Function):
    """`quantized_hidden` of fused.py."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        log_step_in: Tensor,
        log_step: Tensor,
        bounds: tuple[int, int],
        levels: int,
    ) -> Tensor:
        x, steps = x.contiguous(), (log_step_in.exp(), log_step.exp())
        out, ctx.grid = torch.empty_like(x), (*bounds, levels)
        native.run("quantize_hidden", x, out, *_shape(x), *steps, *ctx.grid)
        ctx.save_for_backward(x, *steps)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *steps = ctx.saved_tensors
        found = tuple(torch.empty_like(t) for t in (x, *steps))
        arrays = grads[0].contiguous(), x, found[0], *_shape(x)
        native.run("quantize_hidden_backward", *arrays, *steps, *ctx.grid, *found[1:])
        return *found, None, None


class Added(Function):
    """`added` of fused.py."""

    @staticmethod
    def forward(ctx: Any, residual: Tensor, update: Tensor, step: Tensor) -> Tensor:
        residual, update = residual.contiguous(), update.contiguous()
        out, size = torch.empty_like(update), update[0].numel()
        ctx.shared = residual.ndim < update.ndim
        sizes = len(update), size, 0 if ctx.shared else size
        native.run("add_on_grid", residual, update, out, *sizes, step.item())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        return grad.sum(dim=0) if ctx.shared else grad, grad, None


class Probabilities(Function):
    """`probabilities` of fused.py."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, factor: float) -> Tensor:
        scores, ctx.factor = scores.contiguous(), factor
        probs, grid = torch.empty_like(scores), (factor, NIBBLE_MAX, 2**EXP_FRACTION)
        native.run("probabilities", scores, probs, *_shape(scores), *grid)
        ctx.save_for_backward(scores, probs)
        return probs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        scores, probs = ctx.saved_tensors
        result = torch.empty_like(scores)
        arrays = grads[0].contiguous(), scores, probs, result
        native.run("probabilities_backward", *arrays, *_shape(scores), ctx.factor)
        return result, None


def _shape(x: Tensor) -> tuple[int, int]:
    """Rows and columns of x as a matrix."""
    return x.numel() // x.shape[-1], x.shape[-1]
