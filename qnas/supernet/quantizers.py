"""Fake quantization with learned step sizes (LSQ, arXiv:1902.08153), log-parametrised.

A step is stored as its logarithm, so that the optimizer moves it relatively and it stays positive.
Rounding is torch's (ties to even); the integer reference rounds ties up, which differ only where a
value lies exactly between two steps.

LSQ's gradient of a step s is sum(g * (q - inside * x / s)) with q the integers and g the incoming
gradient. Of log s it is sum(g * out) - sum(g * inside * x): two dot products and no further pass
over the data, which is most of what fake quantization costs on a CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from qnas.numerics import EXP_FRACTION
from qnas.supernet.native import count, passes_for, pointer, real, threads

Bound = Any  # a number, or on a device a tensor of one


class _PerTensor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: Bound, high: Bound) -> Tensor:
        step = log_step.exp()
        ctx.low, ctx.high = low, high
        native = passes_for(x)
        if native is None:
            ctx.save_for_backward(x, step)
            return (x / step).round_().clamp_(low, high).mul_(step)
        x = x.contiguous()
        ctx.save_for_backward(x, step)
        out = torch.empty_like(x)
        native.quantize(
            *(pointer(x), pointer(out), count(x.numel())),
            *(pointer(step), real(low), real(high), threads()),
        )
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, step), low, high = grads, ctx.saved_tensors, ctx.low, ctx.high
        native = passes_for(grad) if passes_for(x) else None
        if native is None:
            out = (x / step).round_().clamp_(low, high).mul_(step)
            inside = grad * ((x > (low - 0.5) * step) & (x < (high + 0.5) * step))
            return inside, _dot(grad, out) - _dot(inside, x), None, None
        grad, inside, log_grad = grad.contiguous(), torch.empty_like(x), torch.empty_like(step)
        native.quantize_backward(
            *(pointer(grad), pointer(x), pointer(inside), count(x.numel())),
            *(pointer(step), real(low), real(high), pointer(log_grad), threads()),
        )
        return inside, log_grad, None, None


class _PerRow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: Tensor, high: Tensor) -> Tensor:
        step = log_step.exp()
        low, high = (bound.expand_as(step).contiguous() for bound in (low, high))
        ctx.save_for_backward(x, step, low, high)
        native = passes_for(x)
        if native is None or x.stride(1) != 1:
            return torch.minimum(torch.maximum((x / step).round_(), low), high).mul_(step)
        out = torch.empty(x.shape)
        native.quantize_rows(*(pointer(x), pointer(out)), *_rows(x, step, low, high), threads())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, step, low, high) = grads, ctx.saved_tensors
        native = passes_for(x)
        if native is None or x.stride(1) != 1:
            out = torch.minimum(torch.maximum((x / step).round_(), low), high).mul_(step)
            inside = grad * ((x > (low - 0.5) * step) & (x < (high + 0.5) * step))
            return inside, (grad * out - inside * x).sum(dim=1, keepdim=True), None, None
        grad, inside, log_grad = grad.contiguous(), torch.empty(x.shape), torch.empty_like(step)
        native.quantize_rows_backward(
            *(pointer(grad), pointer(x), pointer(inside)),
            *_rows(x, step, low, high),
            *(pointer(log_grad), threads()),
        )
        return inside, log_grad, None, None


def _rows(x: Tensor, step: Tensor, low: Tensor, high: Tensor) -> tuple[object, ...]:
    shape = count(x.shape[0]), count(x.shape[1]), count(x.stride(0))
    return *shape, pointer(step), pointer(low), pointer(high)


class _Probabilities(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, levels: int) -> Tensor:
        native = passes_for(scores)
        assert native is not None
        scores = scores.contiguous()
        probs = torch.empty_like(scores)
        native.probabilities(
            *(pointer(scores), pointer(probs), *_shape(scores)),
            *(real(levels), real(2**EXP_FRACTION), threads()),
        )
        ctx.save_for_backward(scores, probs)
        return probs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        scores, probs = ctx.saved_tensors
        grad, result, native = grads[0].contiguous(), torch.empty_like(scores), passes_for(scores)
        assert native is not None
        arrays = (pointer(t) for t in (grad, scores, probs, result))
        native.probabilities_backward(*arrays, *_shape(scores), threads())
        return result, None


def _shape(scores: Tensor) -> tuple[object, object]:
    return count(scores.numel() // scores.shape[-1]), count(scores.shape[-1])


class _OnGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float) -> Tensor:
        return (x / step).round_().mul_(step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def on_grid(x: Tensor, step: float) -> Tensor:
    """x rounded to multiples of `step`, without bounds; straight-through gradient."""
    result: Tensor = _OnGrid.apply(x, step)  # type: ignore[no-untyped-call]
    return result


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.dot(a.reshape(-1), b.reshape(-1))


def fake_quantize(x: Tensor, log_step: Tensor, low: int, high: int) -> Tensor:
    """x on the grid low..high times exp(log_step), a scalar: clamp(round(x / step)) * step."""
    result: Tensor = _PerTensor.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def fake_quantize_rows(x: Tensor, log_step: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The same with a step and bounds of its own for each row: x (R, I), the others (R, 1)."""
    result: Tensor = _PerRow.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def fake_quantize_probs(scores: Tensor, levels: int) -> Tensor:
    """Softmax over the last axis as the hardware does it: exp(s - max), from an exponent in
    2**-EXP_FRACTION octaves, on a grid of `levels` steps, then divided by the sum of the rounded
    values. Straight-through gradient."""
    if passes_for(scores):
        native: Tensor = _Probabilities.apply(scores, levels)  # type: ignore[no-untyped-call]
        return native
    distance = scores - scores.amax(dim=-1, keepdim=True)
    exps = distance.exp()
    octaves = (distance.detach() * (math.log2(math.e) * 2**EXP_FRACTION)).round_()
    grid = octaves.mul_(2.0**-EXP_FRACTION).exp2_().mul_(levels).round_().div_(levels)
    rounded = exps + (grid - exps.detach())
    probs: Tensor = rounded / rounded.sum(dim=-1, keepdim=True)
    return probs
