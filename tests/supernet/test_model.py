"""The supernet: slices are subnets, extraction is exact, precision is nested."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch

from qnas.architecture import EIGHTHS, w8_rows
from qnas.errors import CheckpointError
from qnas.supernet.forward import forward
from qnas.supernet.layers import Matrix
from qnas.supernet.model import Supernet
from qnas.supernet.storage import load_supernet, save_supernet
from tests.tiny import TINY, digits


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    torch.manual_seed(0)
    net = Supernet(TINY, input_step=1 / 31)
    images = torch.from_numpy(digits(64)[0])
    net.initialise_steps(images)
    net.rerank(images)
    return net


def test_extract_equals_forward_exactly(supernet: Supernet) -> None:
    images = torch.from_numpy(digits(33)[0])
    rng = Random(0)
    for arch in [TINY.largest(), TINY.smallest(), *(TINY.sample(rng) for _ in range(40))]:
        with torch.no_grad():
            assert torch.equal(supernet(images, arch), supernet.extract(arch)(images))


def test_extracted_weights_are_copies(supernet: Supernet) -> None:
    subnet = supernet.extract(TINY.largest())
    before = subnet.weights.position.clone()
    with torch.no_grad():
        supernet.position += 1
        assert torch.equal(subnet.weights.position, before)
        supernet.position -= 1


def test_rows_of_a_smaller_share_are_among_those_of_a_larger() -> None:
    torch.manual_seed(1)
    matrix = Matrix(24, 10)
    matrix.rerank(torch.rand(10))
    for rows in (7, 16, 24):
        chosen = [
            set(matrix.slice(rows, 10, s).is_w8.nonzero().flatten().tolist())
            for s in range(EIGHTHS + 1)
        ]
        assert [len(c) for c in chosen] == [w8_rows(rows, s) for s in range(EIGHTHS + 1)]
        assert all(small <= large for small, large in itertools.pairwise(chosen))


def test_a_loaded_rank_replaces_what_was_chosen_by_the_old_one() -> None:
    torch.manual_seed(3)
    first, second = Matrix(16, 8), Matrix(16, 8)
    first.rerank(torch.rand(8))
    second.slice(16, 8, 4)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.slice(16, 8, 4).is_w8, first.slice(16, 8, 4).is_w8)


def test_rows_of_a_single_weight_have_steps_that_fit_it() -> None:
    """The first matrix of a grey space with patches of one pixel."""
    matrix = Matrix(32, 1)
    quantized = matrix.slice(32, 1, 8).quantized()
    assert torch.allclose(quantized, matrix.weight, rtol=0.1, atol=1e-6)


def test_ranking_puts_the_row_that_four_bits_hurt_first() -> None:
    torch.manual_seed(2)
    matrix = Matrix(8, 64)
    with torch.no_grad():
        matrix.weight[5, 0] = 3.0  # an outlier that the 4-bit grid of this row cannot reach
    matrix.rerank(torch.ones(64))
    assert matrix.rank[5] == 0
    matrix.rerank(torch.cat([torch.zeros(1), torch.ones(63)]))
    assert matrix.rank[5] != 0, "an input that is always zero hurts nobody"


def test_weights_lie_on_the_grid_of_their_width(supernet: Supernet) -> None:
    weights = supernet.slice(TINY.sample(Random(5)))
    for matrix in weights.matrices.values():
        integers = matrix.quantized() / matrix.log_step.exp()
        assert torch.allclose(integers, integers.round(), atol=1e-3)
        assert integers[~matrix.is_w8].abs().max() <= 8 if (~matrix.is_w8).any() else True
        assert integers.abs().max() <= 119.001


def test_shared_weights_get_gradients_only_where_the_subnet_reaches(supernet: Supernet) -> None:
    images, arch = torch.from_numpy(digits(8)[0]), TINY.smallest()
    supernet.zero_grad()
    supernet(images, arch).square().sum().backward()
    gradient = supernet.block(0).fc1.weight.grad
    assert gradient is not None
    rows, inner = arch.blocks[0].mlp_hidden, arch.embed_dim
    assert gradient[:rows, :inner].abs().sum() > 0
    assert gradient[rows:].abs().sum() == 0 and gradient[:, inner:].abs().sum() == 0
    assert supernet.block(1).fc1.weight.grad is None
    supernet.zero_grad()


def test_layer_scale_scales_its_branch(supernet: Supernet) -> None:
    """With both layer scales at zero a block passes its input on."""
    images = torch.from_numpy(digits(4)[0])
    weights = supernet.slice(TINY.smallest())
    silent = replace(weights, layer_scales={k: v * 0 for k, v in weights.layer_scales.items()})
    residuals = []
    with torch.no_grad():
        forward(
            silent,
            images,
            observe=lambda name, x: residuals.append(x) if name == "residual" else None,
        )
    assert all(torch.equal(r, residuals[0]) for r in residuals)


def test_stored_supernet_is_the_same(supernet: Supernet, tmp_path: Path) -> None:
    save_supernet(supernet, tmp_path, training={})
    images, arch = torch.from_numpy(digits(5)[0]), TINY.largest()
    with torch.no_grad():
        assert torch.equal(load_supernet(tmp_path)(images, arch), supernet(images, arch))


@pytest.mark.parametrize("damage", ["truncate", "flip", "wider", "other", "no description"])
def test_damaged_files_are_refused(supernet: Supernet, tmp_path: Path, damage: str) -> None:
    save_supernet(supernet, tmp_path, training={})
    tensors, description = tmp_path / "supernet.safetensors", tmp_path / "supernet.json"
    data = bytearray(tensors.read_bytes())
    if damage == "truncate":
        tensors.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[-5] ^= 1
        tensors.write_bytes(data)
    elif damage == "wider":
        description.write_text(description.read_text().replace("24", "32"))
    elif damage == "other":
        description.write_text(description.read_text().replace('"tiny"', "3"))
    else:
        description.write_text("{")
    with pytest.raises(CheckpointError) as caught:
        load_supernet(tmp_path)
    assert len(str(caught.value)) < 400, "none of torch's lists of names"
