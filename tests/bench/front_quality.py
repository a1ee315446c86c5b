"""How much of the true front a search finds in 1,000 evaluations.

    python tests/bench/front_quality.py [--seeds 10] [--trials 1000] [--json OUT] [--plot OUT.html]

The space is small enough to be enumerated (12,864 candidates before DSP shares of 4,288 distinct
costs): digits' networks of one or two blocks on a ZCU102, real cost model, and an error that is a
formula (the point is the search, not the images): it falls with capacity, rises with the 4-bit
rows of each kind of matrix by a weight of its own, and carries 0.2 % that nobody can foresee, drawn
from the architecture's key. Objectives: error, latency, DSPs. The figure is the hypervolume of the
front found over that of the true front, reference point the worst of the whole space.

Methods, each `trials` evaluations a seed: `qnas` (this project's default), `optuna_nsga2` and
`optuna_tpe` (stock, in memory), `random`, and `autoformer`: the evolution of AutoFormer
(arXiv:2107.00651: 50 at random, then 25 mutants at 0.2 a gene, 0.4 for depth, and 25 crossovers of
the best 10, repeated; illegal children drawn again), which has one objective and a limit, and is
therefore run for five latency limits with a fifth of the evaluations each.

The enumeration takes a few minutes, once: it is kept in `--cache` for as long as the cost model
prices a probe the same. `--plot OUT.png` needs the extra `png`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
import optuna

from qnas.accel.cost.estimate import Estimate, Resources
from qnas.accel.cost.prediction import Prediction
from qnas.accel.device import load_device
from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.pareto import Box, Points, hypervolume, nondominated
from qnas.space import SearchSpace
from qnas.studies.config import SearchConfig
from qnas.studies.progress import Silent
from qnas.studies.search.evaluation import Evaluation, Result
from qnas.studies.search.genome import DSP_SHARE, Genome, Proposal
from qnas.studies.search.loop import SearchLoop
from qnas.studies.storage.journal import open_study

SPACE = SearchSpace(
    name="enumerable",
    image_size=8,
    patch_size=2,
    in_channels=1,
    num_classes=10,
    head_dim=16,
    embed_dims=(32, 48),
    depths=(1, 2),
    num_heads=(1, 3),
    mlp_ratios=(1.0, 3.0),
    w8_eighths=(0, 8),
)
SHARES = (0.125, 0.25, 0.5)
GENOME = Genome(SPACE, SHARES)
DIRECTIONS = ["minimize"] * 3
SENSITIVITY = {"qkv": 0.5, "proj": 1.0, "fc1": 0.7, "fc2": 1.6}  # % of error, all rows at 4 bits
LIMITS = 5  # latency limits of the method with one objective

Params = dict[str, Any]
Values = tuple[float, float, float]
Method = Callable[["Landscape", int, int], list[Values]]


def error(arch: Architecture) -> float:
    """Percent."""
    capacity = sum(b.num_heads / 3 + b.mlp_hidden / 144 for b in arch.blocks) * arch.embed_dim / 48
    coarse = sum(
        weight * (8 - getattr(block.w8, kind)) / 8 / (1 + index)
        for index, block in enumerate(arch.blocks)
        for kind, weight in SENSITIVITY.items()
    )
    return 3 + 12 * float(np.exp(-capacity)) + coarse + 0.2 * int(arch.key[:8], 16) / 2**32


@dataclass(frozen=True)
class Landscape:
    """Cost of every candidate, by (canonical architecture key, share)."""

    costs: dict[str, tuple[float, float]]  # ms, DSPs

    def values(self, params: Params) -> Values:
        proposal = GENOME.decode(params)
        cost = self.costs[cost_key(proposal.architecture, proposal.dsp_share)]
        return error(proposal.architecture), *cost

    def everything(self) -> Points:
        archs = all_architectures()
        rows = [
            (e, *self.costs[cost_key(arch, share)])
            for arch, e in zip(archs, map(error, archs), strict=True)
            for share in SHARES
        ]
        return np.array(rows)


def all_architectures() -> list[Architecture]:
    """Every distinct one, by decoding every genome of each depth."""
    genes, found = SPACE.genes(), {}
    for depth in SPACE.depths:
        active = [g for g in genes if not g.name.startswith("block") or int(g.name[5]) < depth]
        rest = {g.name: g.choices[0] for g in genes}
        for choice in product(*(g.choices for g in active if g.name != "depth")):
            names = [g.name for g in active if g.name != "depth"]
            arch = SPACE.decode({**rest, **dict(zip(names, choice, strict=True)), "depth": depth})
            found[arch] = arch
    return list(found)


def cost_key(arch: Architecture, share: float) -> str:
    """Blocks run one after the other on one engine: their order costs nothing (checked below)."""
    blocks = sorted(repr(block) for block in arch.blocks)
    return f"{arch.embed_dim}:{'|'.join(blocks)}:{share:g}"


def price(arch: Architecture, share: float) -> tuple[float, float]:
    estimate = best_plan(arch, load_device("zcu102"), share)[1]
    return estimate.latency_ms, float(estimate.resources.dsp)


def landscape(cache: Path) -> Landscape:
    """Enumerated, or read from `cache` if a probe of the cost model says that it still holds."""
    archs = all_architectures()
    known: dict[str, tuple[float, float]] = {}
    if cache.exists():
        known = {key: (v[0], v[1]) for key, v in json.loads(cache.read_text()).items()}
    for arch in random.Random(0).sample(archs, 8):
        for share in SHARES:
            if known.get(cost_key(arch, share)) != price(arch, share):
                known = {}
    wanted = {cost_key(arch, share): (arch, share) for arch in archs for share in SHARES}
    if set(known) != set(wanted):
        with ProcessPoolExecutor() as pool:
            prices = pool.map(price, *zip(*wanted.values(), strict=True), chunksize=64)
            known = dict(zip(wanted, prices, strict=True))
        cache.write_text(json.dumps(known))
    return Landscape(known)


def qnas(land: Landscape, seed: int, trials: int, **search: Any) -> list[Values]:
    seen: list[Values] = []

    def evaluate(proposals: Sequence[Proposal]) -> list[Result]:
        results: list[Result] = []
        for p in proposals:
            params = {**SPACE.encode(p.architecture), DSP_SHARE: p.dsp_share}
            seen.append(land.values(params))
            estimate = Estimate(1, 0, 200.0, Resources(), 0)
            results.append(Evaluation(seen[-1], {"lut": -1.0}, estimate, Prediction.of(estimate)))
        return results

    with TemporaryDirectory() as folder:
        study = open_study(Path(folder) / "a", name="q", directions=["minimize"] * 3)
        config = SearchConfig(trials=trials, dsp_shares=SHARES, **search)
        SearchLoop(study, GENOME, config, seed, evaluate, Silent()).run()
    return seen


def _optuna(land: Landscape, sampler: optuna.samplers.BaseSampler, trials: int) -> list[Values]:
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler)
    space = GENOME.distributions()

    def objective(trial: optuna.Trial) -> Values:
        params = {
            name: trial.suggest_categorical(name, space[name].choices)  # type: ignore[attr-defined]
            for name in space
        }
        return land.values(params)

    study.optimize(objective, n_trials=trials)
    return [(t.values[0], t.values[1], t.values[2]) for t in study.trials]


def optuna_nsga2(land: Landscape, seed: int, trials: int) -> list[Values]:
    return _optuna(land, optuna.samplers.NSGAIISampler(seed=seed), trials)


def optuna_tpe(land: Landscape, seed: int, trials: int) -> list[Values]:
    return _optuna(land, optuna.samplers.TPESampler(seed=seed), trials)


def random_search(land: Landscape, seed: int, trials: int) -> list[Values]:
    return _optuna(land, optuna.samplers.RandomSampler(seed=seed), trials)


def autoformer(land: Landscape, seed: int, trials: int) -> list[Values]:
    rng = random.Random(seed)
    latencies = sorted(latency for latency, _ in land.costs.values())
    limits = [latencies[len(latencies) * (i + 1) // LIMITS - 1] for i in range(LIMITS)]
    return [v for limit in limits for v in _evolution(land, rng, limit, trials // LIMITS)]


def _evolution(land: Landscape, rng: random.Random, limit: float, budget: int) -> list[Values]:
    choices = {g.name: g.choices for g in SPACE.genes()} | {DSP_SHARE: SHARES}
    visited: dict[str, tuple[Values, Params]] = {}

    def legal(make: Callable[[], Params], count: int) -> None:
        """Draw until `count` new ones within the limit are there; only those are evaluated."""
        for _ in range(100 * count):
            if count == 0 or len(visited) == budget:
                return
            params = make()
            values, key = land.values(params), GENOME.decode(params).key
            if key not in visited and values[1] <= limit:
                visited[key], count = (values, params), count - 1

    def draw() -> Params:
        return {name: rng.choice(options) for name, options in choices.items()}

    def mutant(best: list[Params]) -> Params:
        parent, fresh = rng.choice(best), draw()
        rates = {name: 0.4 if name == "depth" else 0.2 for name in choices}
        return {n: fresh[n] if rng.random() < rates[n] else parent[n] for n in choices}

    def cross(best: list[Params]) -> Params:
        parents = rng.choice(best), rng.choice(best)
        return {name: rng.choice(parents)[name] for name in choices}

    legal(draw, 50)
    while len(visited) < budget:
        before = len(visited)
        best = [p for _, p in sorted(visited.values(), key=lambda item: item[0][0])[:10]]
        legal(lambda best=best: mutant(best), 25)  # type: ignore[misc]
        legal(lambda best=best: cross(best), 25)  # type: ignore[misc]
        if len(visited) == before:
            legal(draw, budget - before)
            break
    return [values for values, _ in visited.values()]


METHODS: dict[str, Method] = {
    "qnas": qnas,
    "optuna_nsga2": optuna_nsga2,
    "optuna_tpe": optuna_tpe,
    "random": random_search,
    "autoformer": autoformer,
}


def shares(land: Landscape, method: Method, seeds: int, trials: int) -> list[float]:
    """Hypervolume found over the true one, a seed each."""
    everything = land.everything()
    box = Box.around(everything)
    truth = hypervolume(everything[nondominated(everything)], box)
    return [hypervolume(method(land, seed, trials), box) / truth for seed in range(seeds)]


def plot(found: dict[str, list[float]], path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure(
        [go.Box(y=values, name=name, boxpoints="all") for name, values in found.items()]
    )
    figure.update_yaxes(title="share of the true hypervolume")
    if path.suffix == ".html":
        figure.write_html(path, include_plotlyjs=True)
    else:
        figure.write_image(path)  # with the extra `png`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument(
        "--cache", type=Path, default=Path(gettempdir()) / "qnas_front_quality.json"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    land = landscape(options.cache)
    found = {}
    print(f"share of the true hypervolume, {options.trials} evaluations, {options.seeds} seeds")
    for name in options.methods:
        found[name] = shares(land, METHODS[name], options.seeds, options.trials)
        low, middle, high = np.quantile(found[name], (0.25, 0.5, 0.75))
        print(f"{name:14} median {middle:.4f}, quartiles {low:.4f} to {high:.4f}", flush=True)
    if options.json:
        quartiles = {n: np.quantile(v, (0.25, 0.5, 0.75)).tolist() for n, v in found.items()}
        summary = {
            name: {"quartiles": [q[0], q[2]], "median": q[1]} for name, q in quartiles.items()
        }
        options.json.write_text(json.dumps(summary, indent=1) + "\n")
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
