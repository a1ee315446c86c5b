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


class _PerTensor(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: int, high: int) -> Tensor:
        step = log_step.exp()
        # In place after the first: one allocation (torch's own fused kernel is slower on a CPU).
        out = (x / step).round_().clamp_(low, high).mul_(step)
        ctx.save_for_backward(x, out)
        ctx.bounds = ((low - 0.5) * step.item(), (high + 0.5) * step.item())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, out = ctx.saved_tensors
        inside = torch.ops.aten.hardtanh_backward(grad, x, *ctx.bounds)
        return inside, _dot(grad, out) - _dot(inside, x), None, None


class _PerRow(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: Tensor, high: Tensor) -> Tensor:
        step = log_step.exp()
        integer = torch.minimum(torch.maximum((x / step).round_(), low), high)
        out = integer.mul_(step)
        ctx.save_for_backward(x, out, (low - 0.5) * step, (high + 0.5) * step)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, out, least, most = ctx.saved_tensors
        inside = grad * ((x >= least) & (x <= most))
        log_grad = (grad * out - inside * x).sum(dim=1, keepdim=True)
        return inside, log_grad, None, None


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
    distance = scores - scores.amax(dim=-1, keepdim=True)
    exps = distance.exp()
    octaves = (distance.detach() * (math.log2(math.e) * 2**EXP_FRACTION)).round_()
    grid = octaves.mul_(2.0**-EXP_FRACTION).exp2_().mul_(levels).round_().div_(levels)
    rounded = exps + (grid - exps.detach())
    probs: Tensor = rounded / rounded.sum(dim=-1, keepdim=True)
    return probs
