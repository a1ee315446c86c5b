"""Does inherited accuracy rank subnets as training each of them alone would?

    python tests/bench/ranking.py --data fashion_mnist cifar10 --ablations fashion_mnist --json OUT

Subnets spread over size and precision; each trained alone from scratch on one budget, once a seed;
Kendall's tau of its accuracy with what it inherits from one supernet, with a bootstrap interval.
The same for subnets of equal cost, which counting cannot tell apart.
Beside it the taus of what one can count without training (weights, their bits, multiplications),
and of one seed's accuracies with another's, which no predictor can be expected to exceed by much.
Ablations train the supernet again without one idea, and are held against the same subnets.

Everything trained is kept in --work and never trained twice; a run that was killed goes on where it
stopped, and the same command started once more shares the work. --json is written anew after every
training; --report trains nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from ranking_data import SPACES, load_task
from ranking_figures import scatter, write_figure
from ranking_plan import Plans, make_plans
from ranking_report import found, table
from ranking_work import Job, Workshop

from qnas._util.serialization import write_json
from qnas.architecture import Architecture
from qnas.errors import ConfigError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"


def main() -> None:
    options = _options()
    results: dict[str, Any] = {}
    for name in options.data:
        try:
            task = load_task(
                name,
                train_images=options.train_images,
                test_images=options.test_images,
                cifar10=options.cifar10,
            )
        except (ConfigError, FileNotFoundError) as error:
            print(f"SKIPPED: {error}")
            return
        plans, shop = make_plans(task, options), Workshop(task, options.work)
        for job, subnets, wait in _rounds(plans) if not options.report else ():
            if shop.do(job, subnets, wait=wait) and options.json:
                write_json(options.json, results | {name: found(task, plans, shop)})
        results[name] = found(task, plans, shop)
        if results[name]:
            print("\n".join(table(name, results[name])))
            if options.figures:
                write_figure(scatter(name, results[name]), options.figures / f"{name}.html")
    if options.json:
        write_json(options.json, results)
    else:
        print(json.dumps({name: _without_points(data) for name, data in results.items()}))


def _rounds(plans: Plans) -> Iterator[tuple[Job, Sequence[Architecture], bool]]:
    """Every job twice: what another process is at is left to it at first, then waited for."""
    for wait in (False, True):
        for job, subnets in chain.from_iterable(plan.jobs() for plan in plans.values()):
            yield job, subnets, wait


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SPACES, default=["fashion_mnist"])
    parser.add_argument("--ablations", nargs="*", choices=SPACES, default=[])
    parser.add_argument("--subnets", type=int, default=16)
    parser.add_argument("--peers", type=int, default=12, help="subnets of equal cost")
    parser.add_argument("--repeats", type=int, default=2, help="seeds of each subnet alone")
    parser.add_argument("--epochs", type=int, default=2, help="of a subnet alone")
    parser.add_argument("--supernet-epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--train-images", type=int, default=60000)
    parser.add_argument("--test-images", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/ranking"))
    archive = SHARED / "cifar10_jpeg/cifar10-jpg.tar.xz"
    parser.add_argument("--cifar10", type=Path, default=archive, help="tar of its JPEG copy")
    parser.add_argument("--report", action="store_true", help="of what is trained; trains nothing")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figures", type=Path, help="folder for one a data set, HTML and PNG")
    return parser.parse_args()


def _without_points(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != "points"}


if __name__ == "__main__":
    main()
