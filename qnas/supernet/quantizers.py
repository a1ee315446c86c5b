"""Fake quantization with learned step sizes (LSQ, arXiv:1902.08153), log-parametrised.

A step is stored as its logarithm, so that the optimizer moves it relatively and it stays positive.
Rounding is torch's (ties to even); the integer reference rounds ties up, which differ only where a
value lies exactly between two steps.

LSQ's gradient of a step s is sum(g * (q - inside * x / s)) with q the integers and g the incoming
gradient. Of log s it is sum(g * out) - sum(g * inside * x): two dot products and no further pass
over the data.

These run on torch's operators, on any device, and wait for none; fused.py runs them faster on a
CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from qnas.numerics import EXP_FRACTION

Bound = int | Tensor  # a tensor where the bound follows from a step that is on the device


class _Quantize(torch.autograd.Function):
    """`low`, `high` and the step hold for all of x, or for a row each: (R, 1)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, low: Bound, high: Bound) -> Tensor:
        step = log_step.exp()
        ctx.save_for_backward(x, step)
        ctx.low, ctx.high = low, high
        return _on_grid(x, step, low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,), (x, step), low, high = grads, ctx.saved_tensors, ctx.low, ctx.high
        inside = grad * ((x > (low - 0.5) * step) & (x < (high + 0.5) * step))
        slope = grad * _on_grid(x, step, low, high) - inside * x
        total = slope.sum(dim=1, keepdim=True) if step.ndim else slope.sum()
        return inside, total, None, None


def _on_grid(x: Tensor, step: Tensor, low: Bound, high: Bound) -> Tensor:
    return (x / step).round_().clamp_(low, high).mul_(step)  # type: ignore[arg-type]


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor) -> Tensor:
        return (x / step).round_().mul_(step)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


def fake_quantize(x: Tensor, log_step: Tensor, low: Bound, high: Bound) -> Tensor:
    """x on the grid low..high times exp(log_step), a scalar: clamp(round(x / step)) * step.

    Tensors as bounds lie on x's device.
    """
    result: Tensor = _Quantize.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def fake_quantize_rows(x: Tensor, log_step: Tensor, low: Bound, high: Bound) -> Tensor:
    """The same with a step and bounds of its own for each row: x (R, I), the others (R, 1)."""
    result: Tensor = _Quantize.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def on_grid(x: Tensor, step: Tensor) -> Tensor:
    """x rounded to multiples of `step`, a scalar, without bounds; straight-through gradient."""
    result: Tensor = _StraightThrough.apply(x, step)  # type: ignore[no-untyped-call]
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
