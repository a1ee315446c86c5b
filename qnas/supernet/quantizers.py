"""Fake quantization with learned step sizes (LSQ, arXiv:1902.08153), log-parametrised.

A step is stored as its logarithm, so that updates are relative and the step stays positive. The
quantizers round ties to even, as torch does; the integer reference rounds ties up. The two differ
only for a value exactly between two steps.

LSQ's gradient of a step s is sum(g * (q - inside * x / s)), with q the integers and g the incoming
gradient. The gradient of log s is sum(g * out) - sum(g * inside * x): two dot products without a
further pass over the data.

The quantizers run on torch's operators, on any device, and do not wait for the device. fused.py has
faster versions for the CPU.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from qnas import numerics as num
from qnas.numerics import EXP_FRACTION

Bound = int | Tensor  # a tensor if the bound is computed from a step on the device


PERCENTILE = 0.999
LEAST_STEP = 1e-6


def largest_integer(name: str, activation_bits: int) -> int:
    """The largest magnitude on the grid of the activation `name`; for GELU's output, the number of
    steps of its grid."""
    act_max, (_, pre_gelu) = num.act_max(activation_bits), num.pre_gelu_bounds(activation_bits)
    limit = {"k": num.NIBBLE_MAX, "in": pre_gelu, "fc1": 2 * act_max}
    return limit.get(name.rsplit(".", 1)[-1], act_max)


def step_by_magnitude(x: Tensor, limit: int, *, share: float) -> Tensor:
    """The step whose grid up to `limit` covers `share` of the values of x."""
    values = x.abs().flatten()
    span = values.kthvalue(max(1, round(share * len(values)))).values
    return (span / limit).clamp_min(LEAST_STEP)


class _Quantize(torch.autograd.Function):
    """Fake quantization with `low`, `high` and step for all of x, or per row: (R, 1)."""

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
    """Quantize x to the grid low..high: clamp(round(x / step)) * step, with step = exp(log_step).

    `log_step` is a scalar. Bounds given as tensors are on x's device.
    """
    result: Tensor = _Quantize.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def fake_quantize_rows(x: Tensor, log_step: Tensor, low: Bound, high: Bound) -> Tensor:
    """Quantize each row of x (R, I) as `fake_quantize`, with steps and bounds (R, 1)."""
    result: Tensor = _Quantize.apply(x, log_step, low, high)  # type: ignore[no-untyped-call]
    return result


def on_grid(x: Tensor, step: Tensor) -> Tensor:
    """Round x to multiples of the scalar `step`, without bounds; straight-through gradient."""
    result: Tensor = _StraightThrough.apply(x, step)  # type: ignore[no-untyped-call]
    return result


def fake_quantize_probs(scores: Tensor, levels: int) -> Tensor:
    """Compute the hardware's softmax over the last axis, with a straight-through gradient.

    exp(s - max), with the exponent rounded to 2**-EXP_FRACTION octaves, is rounded to a grid of
    `levels` steps and divided by the sum of the rounded values.
    """
    distance = scores - scores.amax(dim=-1, keepdim=True)
    exps = distance.exp()
    octaves = (distance.detach() * (math.log2(math.e) * 2**EXP_FRACTION)).round_()
    grid = octaves.mul_(2.0**-EXP_FRACTION).exp2_().mul_(levels).round_().div_(levels)
    rounded = exps + (grid - exps.detach())
    probs: Tensor = rounded / rounded.sum(dim=-1, keepdim=True)
    return probs
