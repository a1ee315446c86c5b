"""The subnets of a training step, as a function of (seed, step): the same on every process."""

from __future__ import annotations

from random import Random

from qnas.architecture import Architecture
from qnas.space import SearchSpace, Singleton
from qnas.training.recipe import Recipe

SPREAD = 0.5  # how far, as a share of its choices, a dimension may lie from the drawn size
W8 = "w8_"  # part of the names of genes that change no size


def step_subnets(
    space: SearchSpace | Singleton, seed: int, step: int, *, recipe: Recipe, done: float = 1.0
) -> list[Architecture]:
    """The distinct subnets of one step: with `recipe.sandwich` the largest and the smallest, then
    random ones. `done` is the share of the quantization-aware phase that is done, which progressive
    shrinking depends on."""
    rng, least = Random(f"{seed}/{step}"), 0.0
    if recipe.shrink_share:
        least = max(0.0, 1 - done / recipe.shrink_share)
    extremes = [space.largest(), space.smallest()] if recipe.sandwich else []
    drawn = (_sample(space, rng, recipe.sampling, least) for _ in range(recipe.random_subnets))
    return list(dict.fromkeys([*extremes, *drawn]))


def _sample(
    space: SearchSpace | Singleton, rng: Random, sampling: str, least: float
) -> Architecture:
    if sampling == "uniform" or isinstance(space, Singleton):
        return space.sample(rng)
    return spread_sample(space, rng, least=least)


def spread_sample(space: SearchSpace, rng: Random, *, least: float = 0.0) -> Architecture:
    """A random subnet of a random size: small and large ones are drawn as often as those between.

    With each dimension drawn alone nearly all subnets are of middling cost. Here a size between
    `least` and 1 is drawn first, then each dimension near it; shares of 8-bit rows are free.
    """
    size = rng.uniform(least, 1)
    params = {}
    for gene in space.genes():
        free = W8 in gene.name
        at = rng.random() if free else size + rng.uniform(-SPREAD, SPREAD)
        count = len(gene.choices)
        params[gene.name] = gene.choices[min(max(int(at * count), 0), count - 1)]
    return space.decode(params)
