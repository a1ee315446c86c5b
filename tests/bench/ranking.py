"""Does inherited accuracy rank subnets as training each of them alone would?

    python tests/bench/ranking.py --data fashion_mnist cifar10 --ablations fashion_mnist --json OUT

Subnets spread over the space by the bits of their weights; each trained alone from scratch on one
budget; Kendall's tau against the accuracy that they inherit from one supernet, with a bootstrap
interval. Ablations train the supernet again without one idea, and are held against the same
subnets trained alone. Everything trained is kept in --work and never trained twice; a run that was
killed goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from ranking_data import SPACES, Task, load_task
from ranking_figures import ranking, scatter, write_figure
from ranking_work import RandomRows, Workshop

from qnas.architecture import Architecture
from qnas.operations import Gemm, Tensor, network_operations
from qnas.serial import encode, write_json
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.training.recipe import Recipe

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
SAMPLES = 4000
ABLATIONS: dict[str, tuple[type[Supernet], dict[str, bool]]] = {
    "rows drawn at random": (RandomRows, {}),
    "no layer scaling": (Supernet, {"layer_scaling": False}),
    "no distillation": (Supernet, {"distill": False}),
    "no sandwich": (Supernet, {"sandwich": False}),
}


def weight_bits(arch: Architecture) -> int:
    """Bits of all weights: 4 or 8 each."""
    matrices = [
        op for op in network_operations(arch) if isinstance(op, Gemm) and op.left is Tensor.WEIGHTS
    ]
    return sum(4 * (m.rows + m.w8_rows) * m.inner for m in matrices)


def spread(space: SearchSpace, count: int, *, seed: int) -> list[Architecture]:
    """`count` random subnets, smallest first: one from each of as many equal intervals of the
    logarithm of weight bits, between the smallest and the largest of a sample."""
    rng = Random(seed)
    sample = {arch.key: arch for arch in (space.sample(rng) for _ in range(SAMPLES))}
    logs = {key: math.log(weight_bits(arch)) for key, arch in sample.items()}
    low, high = min(logs.values()), max(logs.values())
    chosen: dict[int, Architecture] = {}
    for key, arch in sample.items():
        stratum = min(count - 1, int((logs[key] - low) / (high - low) * count))
        chosen.setdefault(stratum, arch)
    if len(chosen) < count:
        raise SystemExit(
            f"{count} strata are too many for {space.name}: {len(chosen)} have members"
        )
    return [chosen[stratum] for stratum in range(count)]


def measure(task: Task, options: argparse.Namespace) -> dict[str, Any]:
    """Everything about one data set, as the JSON has it."""
    shop = Workshop(task, options.work)
    recipe = Recipe(
        epochs=options.epochs,
        batch_size=options.batch,
        augment=0.0,
        rerank_epochs=2,
        checkpoint_epochs=1,
    )
    shared = replace(recipe, epochs=options.supernet_epochs)
    subnets = spread(task.space, options.subnets, seed=options.seed)

    def alone(index: int, seed: int) -> float:
        title, space = f"subnet {index + 1}/{len(subnets)} alone", Singleton(subnets[index])
        (accuracy,) = shop.accuracies(
            space, [subnets[index]], recipe=recipe, seed=seed, title=title
        )
        return accuracy

    def inherited(name: str, kind: type[Supernet], changes: dict[str, bool]) -> list[float]:
        changed = replace(shared, **changes)  # type: ignore[arg-type]
        return shop.accuracies(
            task.space, subnets, recipe=changed, seed=options.seed, kind=kind, title=name
        )

    reference = inherited("supernet", Supernet, {})
    truth = [alone(index, options.seed) for index in range(len(subnets))]
    middle = len(subnets) // 2
    again = alone(middle, options.seed + 1)
    series = {"inherited": reference}
    if task.name in options.ablations:
        series |= {name: inherited(name, *how) for name, how in ABLATIONS.items()}
    points = [
        {"key": arch.key, "kilobytes": weight_bits(arch) / 8192, "alone": truth[i]}
        | {name: values[i] for name, values in series.items()}
        | {"architecture": arch.to_json()}
        for i, arch in enumerate(subnets)
    ]
    return {
        **ranking(truth, reference),
        "mean_alone": round(sum(truth) / len(truth), 4),
        "subnets": len(subnets),
        "seed_noise": round(abs(truth[middle] - again), 4),
        "ablations": {n: ranking(truth, v) for n, v in series.items() if n != "inherited"},
        "train_images": len(task.train[1]),
        "test_images": len(task.test[1]),
        "recipe": encode(recipe),
        "supernet_epochs": shared.epochs,
        "cpu_seconds": round(shop.seconds),
        "points": points,
    }


def show(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}: {found['subnets']} subnets, {found['train_images']} images,", end=" ")
    print(
        f"{found['recipe']['epochs']} epochs alone, {found['supernet_epochs']} the supernet;",
        end=" ",
    )
    print(f"seed noise {found['seed_noise']:.2%}; {found['cpu_seconds']} CPU seconds")
    print(f"{'trained alone':<24}{'':<24}{found['mean_alone']:>8.2%} mean accuracy")
    for title, x in {"supernet": found, **found["ablations"]}.items():
        tau = f"tau {x['kendall_tau']:.2f} [{x['ci_low']:.2f}, {x['ci_high']:.2f}]"
        print(f"{title:<24}{tau:<24}{x['mean_inherited']:>8.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SPACES, default=["fashion_mnist"])
    parser.add_argument("--ablations", nargs="*", choices=SPACES, default=[])
    parser.add_argument("--subnets", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8, help="of a subnet alone")
    parser.add_argument("--supernet-epochs", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--train-images", type=int, default=6000)
    parser.add_argument("--test-images", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/ranking"))
    archive = SHARED / "cifar10_jpeg/cifar10-jpg.tar.xz"
    parser.add_argument("--cifar10", type=Path, default=archive, help="tar of its JPEG copy")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for name in options.data:
        task = load_task(
            name,
            train_images=options.train_images,
            test_images=options.test_images,
            cifar10=options.cifar10,
        )
        results[name] = measure(task, options)
        show(name, results[name])
        write_figure(scatter(name, results[name]), options.work / f"{name}.html")
        if options.json:  # after each, so that a long run shows what it has
            write_json(options.json, results)
    if not options.json:
        print(json.dumps({name: _without_points(found) for name, found in results.items()}))


def _without_points(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "points"}


if __name__ == "__main__":
    main()
