"""Fake quantizers: values on their grid, gradients as LSQ defines them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from qnas.numerics import EXP_FRACTION
from qnas.supernet.quantizers import fake_quantize, fake_quantize_probs, fake_quantize_rows


def lsq(x: Tensor, step: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Integers, and d(output)/d(step) by equation 3 of arXiv:1902.08153."""
    scaled = x / step
    integer = scaled.round().clamp(low, high)
    inside = (scaled >= low - 0.5) & (scaled <= high + 0.5)
    return integer, torch.where(inside, integer - scaled, integer)


def test_per_tensor_values_and_gradients() -> None:
    torch.manual_seed(0)
    x = (torch.randn(40, 30) * 3).requires_grad_()
    log_step = torch.tensor(math.log(0.1), requires_grad=True)
    weight = torch.randn(40, 30)
    out = fake_quantize(x, log_step, -31, 31)
    (out * weight).sum().backward()

    step = log_step.detach().exp()
    low, high = torch.tensor(-31.0), torch.tensor(31.0)
    integer, slope = lsq(x.detach(), step, low, high)
    assert torch.equal(out.detach(), integer * step)
    assert x.grad is not None and log_step.grad is not None
    inside = ((x / step) >= -31.5) & ((x / step) <= 31.5)
    assert torch.equal(x.grad, weight * inside)
    assert inside.logical_not().any()
    expected = (weight * slope).sum() * step
    assert log_step.grad.item() == pytest.approx(expected.item(), rel=1e-3)


def test_rows_have_their_own_step_and_bounds() -> None:
    torch.manual_seed(1)
    x = torch.randn(6, 50).requires_grad_()
    log_step = torch.linspace(-4, -1, 6)[:, None].requires_grad_()
    low = torch.tensor([-8.0, -119.0] * 3)[:, None]
    high = torch.tensor([7.0, 119.0] * 3)[:, None]
    weight = torch.randn(6, 50)
    out = fake_quantize_rows(x, log_step, low, high)
    (out * weight).sum().backward()

    step = log_step.detach().exp()
    integer, slope = lsq(x.detach(), step, low, high)
    assert torch.equal(out.detach(), integer * step)
    assert log_step.grad is not None
    expected = ((weight * slope).sum(dim=1, keepdim=True) * step).detach()
    assert torch.allclose(log_step.grad, expected, rtol=1e-3, atol=1e-4)


def test_probabilities_are_the_hardware_grid_and_sum_to_one() -> None:
    torch.manual_seed(2)
    scores = torch.randn(4, 7, 9) * 4
    probs = fake_quantize_probs(scores, 119)
    assert torch.allclose(probs.sum(-1), torch.ones(4, 7), atol=1e-6)
    integers = probs / probs.amax(-1, keepdim=True) * 119
    assert torch.allclose(integers, integers.round(), atol=1e-3)
    octaves = (scores - scores.amax(-1, keepdim=True)) * math.log2(math.e) * 2**EXP_FRACTION
    exact = (119 * 2 ** (octaves.round() / 2**EXP_FRACTION)).round()
    assert torch.equal(integers.round(), exact)


def test_probabilities_pass_the_gradient_of_softmax() -> None:
    torch.manual_seed(3)
    scores = torch.randn(5, 6).double().requires_grad_()
    weight = torch.randn(5, 6).double()
    (quantized,) = torch.autograd.grad((fake_quantize_probs(scores, 119) * weight).sum(), scores)
    (smooth,) = torch.autograd.grad((scores.softmax(-1) * weight).sum(), scores)
    assert torch.allclose(quantized, smooth, atol=2e-2)
