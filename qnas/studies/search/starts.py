"""The first candidates of a search: the front of an earlier run, or shares of 8-bit rows that
follow from the measured sensitivity of each matrix."""

from __future__ import annotations

import csv
import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qnas.accel.cost.breakdown import kind_of
from qnas.architecture import EIGHTHS, Architecture
from qnas.errors import ConfigError, problem
from qnas.operations import weight_matrices
from qnas.space import SearchSpace
from qnas.studies.search.genome import DSP_SHARE, Genome
from qnas.studies.search.sampler import Params

if TYPE_CHECKING:
    from qnas.supernet.post_training.sensitivity import Divergences


def read_warm_start(front: Path, genome: Genome, *, most: int) -> list[Params]:
    """Read the parameters of at most `most` rows of a front.csv, spread evenly over it (by error).

    Architectures of other spaces are skipped; a DSP share becomes the nearest choice of the genome.
    Raises ConfigError if the file is no front.csv or has no row in the genome's space.
    """
    try:
        with front.open(newline="", encoding="utf-8") as stream:
            rows = [
                (Architecture.from_json(json.loads(row["architecture"])), float(row["dsp_share"]))
                for row in csv.DictReader(stream)
            ]
    except (OSError, csv.Error, KeyError, TypeError, ValueError, RecursionError) as error:
        rule = "must lead to the front.csv of a run"
        raise ConfigError(problem("search.seed_from", rule, error, "Check the path.")) from None
    found = [
        {**genome.space.encode(arch), DSP_SHARE: min(genome.dsp_shares, key=lambda s: abs(s - x))}
        for arch, x in rows
        if arch in genome.space
    ]
    if not found:
        rule, remedy = "must hold subnets of the study's space", "Seed from a run on that space."
        raise ConfigError(problem("search.seed_from", rule, f"none of {len(rows)}", remedy))
    if len(found) <= most:
        return found
    return [found[i * (len(found) - 1) // max(most - 1, 1)] for i in range(most)]


def guided_start(genome: Genome, found: Divergences, *, count: int) -> list[Params]:
    """At most `count` parameters on the way from all rows in 8 bits to none, evenly spread over
    the saved multiplications, with the largest share of DSPs.

    Rows go to 4 bits an eighth of a matrix at a time, where it changes the outputs least for the
    multiplications that it saves; the divergences of single matrices are taken to add up.
    """
    products = _products(genome.space)
    way = list(_way(genome.space, found, products))
    saved = [
        sum(products[name] * (EIGHTHS - share) for name, share in shares.items()) for shares in way
    ]
    places = np.abs(np.subtract.outer(np.linspace(0, saved[-1], count), saved)).argmin(axis=1)
    fixed = genome.space.encode(genome.space.largest()) | {DSP_SHARE: max(genome.dsp_shares)}
    return [fixed | way[place] for place in dict.fromkeys(places.tolist())]


def _way(
    space: SearchSpace, found: Divergences, products: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """The shares of every gene after each step, from the largest choice to the smallest."""
    choices = space.w8_eighths
    shares = dict.fromkeys(products, choices[-1])
    yield dict(shares)
    queue = [(_cost(name, shares, choices, found) / products[name], name) for name in products]
    heapq.heapify(queue)
    while queue:
        _, name = heapq.heappop(queue)
        below = [choice for choice in choices if choice < shares[name]]
        if not below:
            continue
        shares[name] = below[-1]
        yield dict(shares)
        heapq.heappush(queue, (_cost(name, shares, choices, found) / products[name], name))


def _cost(
    name: str, shares: Mapping[str, int], choices: tuple[int, ...], found: Divergences
) -> float:
    """The divergence that the next lower choice of a gene adds, an eighth of its rows."""
    lower = [choice for choice in choices if choice < shares[name]]
    if not lower:
        return float("inf")
    known = [*found.shares, EIGHTHS], [*found.divergence[name], 0.0]
    before, after = np.interp([shares[name], lower[-1]], *known)
    return float(after - before) / (shares[name] - lower[-1])


def _products(space: SearchSpace) -> dict[str, int]:
    """Multiplications of each gene's matrices, of the largest subnet."""
    found: dict[str, int] = {}
    for op in weight_matrices(space.largest()):
        block, dot, _ = op.name.partition(".")
        if dot:
            gene = f"{block}.w8_{kind_of(op.name)}"
            found[gene] = found.get(gene, 0) + op.rows * op.inner * op.tokens
    return found
