"""What the ranking benchmark trains: subnets spread over a space, each alone, and supernets."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from random import Random
from typing import Any

from ranking_data import Task
from ranking_work import Job, RandomRows

from qnas.architecture import Architecture
from qnas.operations import Gemm, Tensor, network_operations
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.training.recipe import Recipe

SAMPLES = 2000
SUPERNET = "supernet"
EQUAL = 0.1  # how far costs may lie from each other's mean and still be called equal
ABLATIONS: dict[str, tuple[type[Supernet], dict[str, Any]]] = {
    "rows drawn at random": (RandomRows, {}),
    "no layer scaling": (Supernet, {"layer_scaling": False}),
    "no distillation": (Supernet, {"distill": "none"}),
    "sandwich": (Supernet, {"sandwich": True, "random_subnets": 1}),
}


def counts(arch: Architecture) -> dict[str, int]:
    """What one can count without training anything: predictors that a supernet has to beat."""
    gemms = [op for op in network_operations(arch) if isinstance(op, Gemm)]
    weights = [op for op in gemms if op.left is Tensor.WEIGHTS]
    return {
        "weights": sum(m.rows * m.inner for m in weights),
        "bits of weights": sum(4 * m.slots * m.inner for m in weights),
        "multiplications": sum(m.rows * m.inner * m.tokens for m in gemms),
        "products of 4 bits": sum(m.atoms for m in gemms),
    }


def spread(space: SearchSpace, count: int, *, seed: int) -> list[Architecture]:
    """`count` random subnets, smallest first: one of each of as many equal intervals of the
    logarithm of multiplications, taken in turn from those of few 8-bit rows, some, and many, so
    that size and precision do not go together."""
    groups = _samples(space, seed)
    logs = [[math.log(counts(arch)["multiplications"]) for arch in group] for group in groups]
    low, high = min(map(min, logs)), max(map(max, logs))
    chosen: list[Architecture] = []
    for stratum in range(count):
        group = stratum % len(groups)
        inside = (
            arch
            for arch, log in zip(groups[group], logs[group], strict=True)
            if min(count - 1, int((log - low) / (high - low) * count)) == stratum
        )
        arch = next(inside, None)
        if arch is None:
            raise SystemExit(f"{count} strata are too many for {space.name}: one has no member")
        chosen.append(arch)
    return chosen


def peers(space: SearchSpace, count: int, *, seed: int) -> list[Architecture]:
    """`count` random subnets of equal cost: 4-bit products within EQUAL of the geometric mean of
    the space's ends, as a search has to tell apart what hardware runs equally fast. In turn from
    those of few 8-bit rows, some, and many, and from each embedding width that is to be had."""
    ends = (space.smallest(), space.largest())
    middle = math.prod(counts(arch)["products of 4 bits"] for arch in ends) ** 0.5
    cells: dict[tuple[int, int], list[Architecture]] = {}
    for number, group in enumerate(_samples(space, seed)):
        for arch in group:
            if abs(counts(arch)["products of 4 bits"] / middle - 1) < EQUAL:
                cells.setdefault((arch.embed_dim, number), []).append(arch)
    turns = chain.from_iterable(zip_longest(*(cells[cell] for cell in sorted(cells))))
    chosen = list(islice(dict.fromkeys(arch for arch in turns if arch), count))
    if len(chosen) < count:
        raise SystemExit(f"{space.name} has only {len(chosen)} subnets of equal cost")
    return chosen


def _samples(space: SearchSpace, seed: int) -> list[list[Architecture]]:
    """Random subnets of `space` whose shares of 8-bit rows are low, middling and high."""
    rng, third = Random(seed), math.ceil(len(space.w8_eighths) / 3)
    shares = [space.w8_eighths[i : i + third] for i in range(0, len(space.w8_eighths), third)]
    return [
        [replace(space, w8_eighths=some).sample(rng) for _ in range(SAMPLES)] for some in shares
    ]


@dataclass(frozen=True)
class Plan:
    """The jobs of one data set: those of `alone` by seed and subnet, `supernets` by name."""

    subnets: Sequence[Architecture]
    alone: dict[int, list[Job]]
    supernets: dict[str, Job]

    def jobs(self) -> Iterator[tuple[Job, Sequence[Architecture]]]:
        """(job, subnets whose accuracy it gives), what tells most first: of the subnets now a
        small one, now a large one, so that those of a run that was cut short span the space."""
        yield self.supernets[SUPERNET], self.subnets
        first, *others = self.alone.values()
        yield from self._each(first)
        for name, job in self.supernets.items():
            if name != SUPERNET:
                yield job, self.subnets
        for again in others:
            yield from self._each(again)

    def _each(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Sequence[Architecture]]]:
        golden = 0.618034
        for i in sorted(range(len(jobs)), key=lambda i: i * golden % 1):
            yield jobs[i], [self.subnets[i]]


Plans = dict[str, Plan]
SPREAD, EQUAL_COST = "spread", "equal cost"


def make_plans(task: Task, options: argparse.Namespace) -> Plans:
    """Subnets spread over the space, against the supernet and what --ablations asks for; subnets
    of equal cost, against the same supernet."""
    names = ABLATIONS if task.name in options.ablations else ()
    wide = spread(task.space, options.subnets, seed=options.seed)
    plans = {SPREAD: _plan(task, wide, names, options.repeats, options)}
    if options.peers:
        equal = peers(task.space, options.peers, seed=options.seed)
        plans[EQUAL_COST] = _plan(task, equal, (), 1, options)
    return plans


def _plan(
    task: Task,
    subnets: Sequence[Architecture],
    ablations: Iterable[str],
    repeats: int,
    options: argparse.Namespace,
) -> Plan:
    alone = Recipe(
        epochs=options.epochs,
        batch_size=options.batch,
        float_learning_rate=options.learning_rate,
        learning_rate=options.learning_rate / 2,
        augment=0.0,
        rerank_epochs=1,
        checkpoint_epochs=1,
        checkpoint_steps=500,
    )
    shared = replace(alone, epochs=options.supernet_epochs, sampling="spread")
    whole: dict[str, tuple[type[Supernet], dict[str, Any]]] = {SUPERNET: (Supernet, {})}
    kinds = whole | {name: ABLATIONS[name] for name in ablations}
    return Plan(
        subnets,
        alone={
            seed: [
                Job(f"subnet {i + 1}/{len(subnets)} alone, seed {seed}", Singleton(a), alone, seed)
                for i, a in enumerate(subnets)
            ]
            for seed in range(options.seed, options.seed + repeats)
        },
        supernets={
            name: Job(
                name,
                task.space,
                replace(shared, **changes),
                options.seed,
                kind,
            )
            for name, (kind, changes) in kinds.items()
        },
    )
