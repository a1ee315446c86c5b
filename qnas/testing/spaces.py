"""The contract of every SearchSpace."""

from __future__ import annotations

from random import Random

import pytest

from qnas.space import SearchSpace


class SpaceContract:
    """Tests of one SearchSpace. Override the fixture `space`."""

    @pytest.fixture
    def space(self) -> SearchSpace:
        raise NotImplementedError

    def test_what_is_sampled_belongs_and_survives_its_encoding(self, space: SearchSpace) -> None:
        rng = Random(0)
        for arch in [*space.reference_subnets(), *(space.sample(rng) for _ in range(20))]:
            assert arch in space
            assert space.decode(space.encode(arch)) == arch

    def test_equal_draws_from_equal_states(self, space: SearchSpace) -> None:
        assert space.sample(Random(3)) == space.sample(Random(3))

    def test_the_genome_is_of_fixed_length_with_choices(self, space: SearchSpace) -> None:
        genes = space.genes()
        assert len({gene.name for gene in genes}) == len(genes)
        assert all(gene.choices for gene in genes)
        assert set(space.encode(space.smallest())) == {gene.name for gene in genes}
        assert space.size() >= 1

    def test_corners_are_ordered_by_width_and_depth(self, space: SearchSpace) -> None:
        sizes = [(arch.embed_dim, arch.depth) for arch in space.reference_subnets()]
        assert sizes == sorted(sizes)
