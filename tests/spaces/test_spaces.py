"""Named spaces: each can be loaded, planned and priced."""

from __future__ import annotations

import pytest

from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.errors import UnknownNameError
from qnas.spaces import load_space, space_names


def test_the_names_and_the_nearest() -> None:
    expected = {
        "digits",
        "tiny28",
        "tiny32",
        "small28",
        "small32",
        "deit_tiny",
        "deit_small",
        "deit_base",
    }
    assert expected <= set(space_names())
    with pytest.raises(UnknownNameError, match="Did you mean 'deit_small'"):
        load_space("deit_smal")


@pytest.mark.parametrize(
    ("name", "widest", "heads", "tokens"),
    [
        ("tiny28", 48, 2, 50),
        ("tiny32", 48, 2, 65),
        ("small28", 96, 3, 50),
        ("small32", 96, 3, 65),
        ("deit_tiny", 240, 4, 197),
        ("deit_small", 448, 7, 197),
        ("deit_base", 624, 10, 197),
    ],
)
def test_shapes(name: str, widest: int, heads: int, tokens: int) -> None:
    largest = load_space(name).largest()
    assert largest.embed_dim == widest and largest.num_tokens == tokens
    assert {block.num_heads for block in largest.blocks} == {heads}


@pytest.mark.parametrize("name", ["deit_tiny", "deit_small"])
def test_deit_itself_is_a_subnet(name: str) -> None:
    width, heads = {"deit_tiny": (192, 3), "deit_small": (384, 6)}[name]
    space = load_space(name)
    assert width in space.embed_dims and heads in space.num_heads
    assert 12 in space.depths and 4.0 in space.mlp_ratios


@pytest.mark.parametrize("board", ["zcu102", "u250"])
@pytest.mark.parametrize("name", space_names())
def test_the_smallest_and_the_largest_fit_the_boards(name: str, board: str) -> None:
    device = load_device(board)
    for arch in (load_space(name).smallest(), load_space(name).largest()):
        _, estimate = best_plan(arch, device)
        assert all(getattr(estimate.resources, r) <= n for r, n in device.limits().items())
