"""Importance of genes: the share of each objective's variance that depends on a gene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold

from qnas.space import MATRIX_KINDS
from qnas.studies.search.trials import TrialRecord

Floats = NDArray[np.float64]
LEAST, MOST = 40, 2000  # candidates: too few for trees below; above, an even selection
FOLDS, TREES, SHUFFLES = 3, 60, 5
NETWORK = ("embed dim", "depth", "share of DSPs")
BLOCK = ("heads", "MLP ratio", *(f"8-bit rows of {kind}" for kind in MATRIX_KINDS))


@dataclass(frozen=True, slots=True)
class Importance:
    """The importance of genes for one objective.

    `share` has, by kind of gene, the share of the objective's variance that depends on that gene in
    all blocks at once, including its interactions with other genes. `explained` is the share of the
    variance that the trees predict (R squared) on candidates left out of their training.
    """

    objective: str
    share: Mapping[str, float]
    explained: float


def importances(
    objectives: Sequence[str], trials: Sequence[TrialRecord], *, seed: int = 0
) -> tuple[Importance, ...]:
    """Estimate the importance of every kind of gene that varies, with extremely randomised trees on
    distinct candidates; empty for too few candidates.

    The importance is half of the increase in the trees' squared error when a gene is shuffled
    (permutation importance, Breiman 2001, "Random forests", section 10). For a function predicted
    without error this is the total effect of the gene in Jansen's form (1999, "Analysis of variance
    designs for model output").

    The estimate is for the candidates of the search, most of which are near the front.
    """
    if len(trials) < LEAST:
        return ()
    chosen = trials[:: -(-len(trials) // MOST)]
    groups, genes = _genes(chosen, np.random.default_rng(seed))
    found = []
    for name in objectives:
        y = np.array([trial.values[name] for trial in chosen])
        if np.ptp(y) > 0:
            found.append(_importance(name, groups, genes, y, seed))
    return tuple(found)


def _importance(
    name: str, groups: Mapping[str, list[int]], genes: Floats, y: Floats, seed: int
) -> Importance:
    rng = np.random.default_rng(seed)
    error, worse = 0.0, dict.fromkeys(groups, 0.0)
    for known, left_out in KFold(FOLDS, shuffle=True, random_state=seed).split(genes):
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=seed)
        trees.fit(genes[known], y[known])
        x, truth = genes[left_out], y[left_out]
        # One call for all: what a tree costs is mostly the call.
        asked = np.concatenate([x, *(_shuffled(x, g, rng) for g in groups.values())])
        squares = (trees.predict(asked).reshape(-1, len(x)) - truth) ** 2
        error += squares[0].sum()
        for place, group in enumerate(groups):
            rows = squares[1 + place * SHUFFLES : 1 + (place + 1) * SHUFFLES]
            worse[group] += rows.mean(axis=0).sum() - squares[0].sum()
    whole = ((y - y.mean()) ** 2).sum()
    share = {group: max(0.0, float(value / whole / 2)) for group, value in worse.items()}
    return Importance(name, share, float(1 - error / whole))


def _shuffled(x: Floats, columns: list[int], rng: np.random.Generator) -> Floats:
    """(SHUFFLES x n, genes): copies of `x` in which `columns` come jointly from other rows."""
    copies = np.tile(x, (SHUFFLES, 1))
    for turn in range(SHUFFLES):
        rows = slice(turn * len(x), (turn + 1) * len(x))
        copies[rows, columns] = x[rng.permutation(len(x))][:, columns]
    return copies


def _genes(
    trials: Sequence[TrialRecord], rng: np.random.Generator
) -> tuple[dict[str, list[int]], Floats]:
    """The columns of each kind of gene, and all genes (n, columns).

    A gene of a block that a network lacks takes the value of a random network that has the block: a
    special value would reveal the depth through every other gene.
    """
    deepest = max(trial.architecture.depth for trial in trials)
    rows = np.full((len(trials), len(NETWORK) + deepest * len(BLOCK)), np.nan)
    for row, trial in zip(rows, trials, strict=True):
        genes = _network_genes(trial) + [
            g for b in range(trial.architecture.depth) for g in _block_genes(trial, b)
        ]
        row[: len(genes)] = genes
    for column in rows.T:
        absent = np.isnan(column)
        column[absent] = rng.choice(column[~absent], absent.sum())
    names = [*NETWORK, *(BLOCK * deepest)]
    groups: dict[str, list[int]] = {name: [] for name in (*NETWORK, *BLOCK)}
    for index, name in enumerate(names):
        if np.ptp(rows[:, index]) > 0:
            groups[name].append(index)
    return {name: columns for name, columns in groups.items() if columns}, rows


def _network_genes(trial: TrialRecord) -> list[float]:
    architecture = trial.architecture
    return [architecture.embed_dim, architecture.depth, trial.proposal.dsp_share]


def _block_genes(trial: TrialRecord, index: int) -> list[float]:
    block = trial.architecture.blocks[index]
    ratio = block.mlp_hidden / trial.architecture.embed_dim
    return [block.num_heads, ratio, *(getattr(block.w8, kind) for kind in MATRIX_KINDS)]
