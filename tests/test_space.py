"""The genome and the architecture describe the same subnets, both ways."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from qnas.errors import ConfigError
from qnas.space import SearchSpace
from qnas.spaces import load_space, space_names


@pytest.fixture(params=space_names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return load_space(request.param)


def test_encode_decode_round_trips_on_a_thousand_architectures(space: SearchSpace) -> None:
    rng, genes = Random(2), space.genes()
    for _ in range(1000):
        arch = space.sample(rng)
        params = space.encode(arch)
        assert list(params) == [gene.name for gene in genes]
        assert all(params[gene.name] in gene.choices for gene in genes)
        assert space.decode(params) == arch and arch in space


def test_inactive_genes_do_not_matter(space: SearchSpace) -> None:
    rng = Random(3)
    params = {gene.name: rng.choice(gene.choices) for gene in space.genes()}
    params["depth"] = space.depths[0]
    other = params | {
        gene.name: rng.choice(gene.choices)
        for gene in space.genes()
        if gene.name.startswith(f"block{space.depths[-1] - 1}.")
    }
    assert space.decode(params) == space.decode(other)


def test_corners_belong_and_are_ordered(space: SearchSpace) -> None:
    smallest, middle, largest = space.reference_subnets()
    assert smallest.embed_dim <= middle.embed_dim <= largest.embed_dim
    assert smallest.depth <= middle.depth <= largest.depth
    assert all(arch in space for arch in (smallest, middle, largest))


def test_strangers_are_refused(space: SearchSpace) -> None:
    stranger = replace(space.largest(), embed_dim=space.embed_dims[-1] + 1)
    assert stranger not in space and "text" not in space
    with pytest.raises(ConfigError):
        space.encode(stranger)


def test_a_space_has_one_width_of_activations(space: SearchSpace) -> None:
    """It is no gene: the genome is the same, its architectures are others."""
    wide, rng = replace(space, activation_bits=8), Random(2)
    assert wide.genes() == space.genes()
    arch = wide.sample(rng)
    assert arch.activation_bits == 8 and wide.decode(wide.encode(arch)) == arch
    with pytest.raises(ConfigError, match="must belong to the space"):
        space.encode(arch)
    with pytest.raises(ConfigError, match="activation_bits"):
        replace(space, activation_bits=4)


def test_a_missing_gene_is_named(space: SearchSpace) -> None:
    params = space.encode(space.largest())
    del params["depth"]
    with pytest.raises(ConfigError, match="`depth` must be one of"):
        space.decode(params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depths": (3, 2)}, "must be ascending"),
        ({"depths": ()}, "must be ascending"),
        ({"mlp_ratios": (1.01,)}, "whole hidden widths"),
        ({"w8_eighths": (0, 9)}, "share in eighths"),
    ],
)
def test_broken_spaces_are_refused(change: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(load_space("digits"), **change)  # type: ignore[arg-type]


def test_size_counts_by_enumeration() -> None:
    space = replace(
        load_space("digits"),
        embed_dims=(32, 48),
        depths=(1,),
        num_heads=(1, 2),
        mlp_ratios=(1.0,),
        w8_eighths=(0, 8),
    )
    rng = Random(0)
    assert space.size() == 2 * 2 * 2**4 == len({space.sample(rng) for _ in range(3000)})
