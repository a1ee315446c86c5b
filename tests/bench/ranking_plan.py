"""What the ranking benchmark trains: subnets spread over a space, each alone, and supernets."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from ranking_data import Task
from ranking_work import Job, RandomRows

from qnas.architecture import Architecture
from qnas.operations import Gemm, Tensor, network_operations
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.training.recipe import Recipe

SAMPLES = 2000
SUPERNET = "supernet"
ABLATIONS: dict[str, tuple[type[Supernet], dict[str, bool]]] = {
    "rows drawn at random": (RandomRows, {}),
    "no layer scaling": (Supernet, {"layer_scaling": False}),
    "no distillation": (Supernet, {"distill": False}),
    "no sandwich": (Supernet, {"sandwich": False}),
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
    rng, third = Random(seed), math.ceil(len(space.w8_eighths) / 3)
    shares = [space.w8_eighths[i : i + third] for i in range(0, len(space.w8_eighths), third)]
    samples = [
        [replace(space, w8_eighths=some).sample(rng) for _ in range(SAMPLES)] for some in shares
    ]
    logs = [[math.log(counts(arch)["multiplications"]) for arch in group] for group in samples]
    low, high = min(map(min, logs)), max(map(max, logs))
    chosen: list[Architecture] = []
    for stratum in range(count):
        group = stratum % len(shares)
        inside = (
            arch
            for arch, log in zip(samples[group], logs[group], strict=True)
            if min(count - 1, int((log - low) / (high - low) * count)) == stratum
        )
        arch = next(inside, None)
        if arch is None:
            raise SystemExit(f"{count} strata are too many for {space.name}: one has no member")
        chosen.append(arch)
    return chosen


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


def make_plan(task: Task, options: argparse.Namespace) -> Plan:
    alone = Recipe(
        epochs=options.epochs,
        batch_size=options.batch,
        learning_rate=options.learning_rate,
        augment=0.0,
        rerank_epochs=1,
        checkpoint_epochs=1,
        checkpoint_steps=500,
    )
    shared = replace(alone, epochs=options.supernet_epochs)
    kinds = {SUPERNET: (Supernet, {})} | (ABLATIONS if task.name in options.ablations else {})
    subnets = spread(task.space, options.subnets, seed=options.seed)
    return Plan(
        subnets,
        alone={
            seed: [
                Job(f"subnet {i + 1}/{len(subnets)} alone, seed {seed}", Singleton(a), alone, seed)
                for i, a in enumerate(subnets)
            ]
            for seed in range(options.seed, options.seed + options.repeats)
        },
        supernets={
            name: Job(name, task.space, replace(shared, **changes), options.seed, kind)
            for name, (kind, changes) in kinds.items()
        },
    )
