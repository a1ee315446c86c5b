"""From fake quantization to integers: how far the two may lie apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from qnas.numerics import act_max
from qnas.supernet.export.integer import _Export, to_integer
from qnas.supernet.forward import to_patches
from qnas.supernet.model import Supernet
from qnas.testing.random_network import random_network
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource
from tests.tiny import TINY, digits


@pytest.fixture(scope="module", params=(6, 8))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    """Of 6-bit and of 8-bit activations."""
    return train_supernet(
        replace(TINY, activation_bits=request.param),
        ArraySource(*digits(640), 10),
        recipe=Recipe(epochs=8, batch_size=64),
        seed=0,
        input_step=1 / act_max(request.param),
        directory=Path(tmp_path_factory.mktemp("supernet")),
    )


def test_integer_network_classifies_as_the_fake_quantized_one(trained: Supernet) -> None:
    images, _ = digits(900)
    held_out = images[640:]
    space, rng = trained.space, Random(0)
    tolerance = {6: 0.1, 8: 0.03}[space.activation_bits]
    for arch in [space.largest(), space.smallest(), *(space.sample(rng) for _ in range(6))]:
        network = to_integer(trained, arch, images[:256])
        with torch.no_grad():
            logits = trained(torch.from_numpy(held_out), arch).numpy()
        integer = network.logits(network.quantize_images(held_out)).astype(np.float64)
        scale = (logits * integer).sum() / (integer**2).sum()
        assert np.abs(integer * scale - logits).mean() < tolerance * np.abs(logits).mean()
        assert (integer.argmax(1) == logits.argmax(1)).mean() > 0.9


def test_stem_agrees_to_a_residual_step(trained: Supernet) -> None:
    """Before the first activation quantizer nothing can flip: the two differ by rounding alone."""
    images, _ = digits(100)
    arch = trained.space.largest()
    network = to_integer(trained, arch, images)
    trace = dict(network.trace(network.quantize_images(images)))
    residuals: list[torch.Tensor] = []
    with torch.no_grad():
        from qnas.supernet.forward import forward

        forward(
            trained.slice(arch),
            torch.from_numpy(images),
            observe=lambda name, x: residuals.append(x) if name == "residual" else None,
        )
    floats = residuals[0].numpy() / trained.residual_step.item()
    assert np.array_equal(floats, np.rint(floats)), "the fake-quantized stream is on the grid"
    assert np.abs(trace["stem"] - floats).max() <= 1
    assert (trace["stem"] != floats).mean() < 0.05


def test_patches_are_cut_alike_in_torch_and_numpy(trained: Supernet) -> None:
    images, _ = digits(10)
    arch = trained.space.largest()
    network = to_integer(trained, arch, images)
    limit = act_max(trained.space.activation_bits)
    cut = to_patches(torch.from_numpy(images), arch).numpy()
    assert np.array_equal(network.quantize_images(images), np.rint(cut * limit).clip(-limit, limit))


def test_bias_of_fc2_carries_the_offset_of_gelu(trained: Supernet) -> None:
    """Zero hidden values are stored as -(low + act_max); fc2 makes its bias of them."""
    arch = trained.space.largest()
    images, _ = digits(64)
    network = to_integer(trained, arch, images)
    subnet = trained.extract(arch)
    export = _Export(subnet.weights, logit_step=1.0)
    zero = export.hidden_zero("block0.fc1")
    params = network.weights["block0.fc2"]
    stored = np.full(arch.blocks[0].mlp_hidden, -zero)
    scaled = (params.weight @ stored) * params.mult / 2.0**params.shift + params.bias / 2**8
    matrix, scale = subnet.weights.matrices["block0.fc2"], subnet.weights.layer_scales["block0.fc2"]
    expected = (matrix.bias * scale).numpy() / subnet.weights.residual_step.item()
    assert np.abs(scaled - expected).max() < 1.0


def test_random_networks_reach_the_ends_of_their_formats() -> None:
    network = random_network(TINY.largest(), 3)
    images, _ = digits(64)
    trace = dict(network.trace(network.quantize_images(images)))
    for name in ("block0.norm1", "block0.q", "block0.v", "block1.fc1"):
        assert trace[name].min() <= -30 and trace[name].max() == 31
    assert np.abs(trace["block0.k"]).max() == 119
