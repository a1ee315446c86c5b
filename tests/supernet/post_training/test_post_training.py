"""Post-training calibration: each part lessens the error that it is for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.post_training import PostTraining
from qnas.supernet.post_training.calibrate import calibrate
from qnas.supernet.post_training.equalise import correct_biases, equalise
from qnas.supernet.post_training.samples import sampled
from qnas.supernet.post_training.sensitivity import sensitivities
from qnas.supernet.post_training.steps import Quantizer, least_error, row_steps
from qnas.supernet.weights import W4, W8
from tests.supernet.pretrained.vits import SPACE

ONE = replace(SPACE, embed_dims=(24,), depths=(2,), num_heads=(3,), mlp_ratios=(2.0,))
PLAIN = PostTraining(images=64, steps="percentile", rows=False, equalise=False, correct_bias=False)


def network() -> Supernet:
    """Random weights whose LayerNorms have channels of very unlike range."""
    torch.manual_seed(3)
    net = Supernet(ONE, input_step=0.1)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith(("norm1.gain", "norm2.gain")):
                parameter.copy_(torch.logspace(-2, 1, len(parameter)))
            elif "log_step" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for matrix in net.modules():
            if hasattr(matrix, "fit_steps"):
                matrix.fit_steps()
    return net.eval()


def images(count: int = 64, seed: int = 5) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits(net: Supernet, *, quantize: bool) -> Tensor:
    return forward(net.slice(net.space.largest()), images(seed=6), quantize=quantize)


def error(settings: PostTraining) -> float:
    """Relative error of the quantized logits."""
    net = network()
    exact = logits(net, quantize=False)
    calibrate(net, images(), settings, lambda *_: None)
    return float((logits(net, quantize=True) - exact).norm() / exact.norm())


def test_the_step_of_least_error_clips_a_heavy_tail() -> None:
    x = torch.randn(1 << 16, 1, generator=torch.Generator().manual_seed(0))
    x[:2] = 12.0
    quantizer = Quantizer(31)
    step = least_error(x, quantizer, None)
    assert step < 0.5 * quantizer.largest(x)
    errors = [(quantizer(x, s) - x).square().mean() for s in (step, quantizer.largest(x))]
    assert errors[0] < errors[1]


def test_a_channel_of_no_weight_decides_nothing() -> None:
    x = torch.cat([torch.randn(512, 1), 100 * torch.randn(512, 1)], dim=1)
    alone = least_error(x, Quantizer(31), torch.tensor([1.0, 0.0]))
    assert alone < 0.2 * least_error(x, Quantizer(31), torch.tensor([1.0, 1.0]))


@pytest.mark.parametrize("bounds", [W4, W8])
def test_steps_of_rows_beat_the_step_that_clips_nothing(bounds: tuple[int, int]) -> None:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    power = torch.linspace(0.1, 4, 64)

    def errors(step: Tensor) -> Tensor:
        grid = (weight / step[:, None]).round().clamp(*bounds) * step[:, None]
        return (grid - weight).square() @ power

    steps, plain = row_steps(weight, power, bounds), weight.abs().amax(dim=1) / bounds[1]
    assert (errors(steps) <= errors(plain)).all()
    assert errors(steps).sum() < 0.98 * errors(plain).sum()


def test_equalisation_changes_no_output() -> None:
    net = network()
    before = logits(net, quantize=False)
    gains = net.block(0).norm1.gain.clone()
    names = list(equalise(net, sampled(net.slice(ONE.largest()), images())))
    assert not torch.equal(net.block(0).norm1.gain, gains)
    assert len(names) == 3 * 2 + 1
    assert torch.allclose(logits(net, quantize=False), before, rtol=1e-4, atol=1e-4)


def test_equalisation_helps_unlike_channels() -> None:
    assert error(replace(PLAIN, equalise=True)) < 0.8 * error(PLAIN)


def test_all_together_beat_the_percentile() -> None:
    assert error(PostTraining(images=64, equalise=True)) < 0.8 * error(PLAIN)


def test_corrected_biases_give_the_means_of_floating_point() -> None:
    net = network()
    calibrate(net, images(), PLAIN, lambda *_: None)
    wanted = forward(net.slice(ONE.largest()), images(), quantize=False).mean(dim=0)
    before = forward(net.slice(ONE.largest()), images()).mean(dim=0)
    list(correct_biases(net, images()))
    after = forward(net.slice(ONE.largest()), images()).mean(dim=0)
    assert (after - wanted).norm() < 0.3 * (before - wanted).norm()


def test_a_broken_matrix_is_the_most_sensitive() -> None:
    net = network()
    calibrate(net, images(), PostTraining(images=64), lambda *_: None)
    with torch.no_grad():
        net.matrix("block1.fc1").log_step4 += 3  # 4-bit rows there lose nearly everything
    found = sensitivities(net, images(16), lambda *_: None)
    assert max(found.divergence, key=lambda gene: found.divergence[gene][0]) == "block1.w8_fc1"
    assert all(none >= 0 and half >= 0 for none, half in found.divergence.values())
