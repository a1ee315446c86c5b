"""What the trained networks of the ranking benchmark tell, as the JSON has it and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from ranking_data import Task
from ranking_plan import SPREAD, SUPERNET, Plan, Plans, counts
from ranking_tau import agreement, beyond, gain
from ranking_work import Outcome, Workshop, code_digest

from qnas._util.serialization import encode

LEAST = 4  # subnets, below which nothing is said


def found(task: Task, plans: Plans, shop: Workshop) -> dict[str, Any]:
    """Everything about one data set, from what is trained so far: empty if that is too little."""
    wide, *others = (_found(plan, shop) for plan in plans.values())
    if not wide:
        return {}
    plan = plans[SPREAD]
    job, supernet = plan.alone[min(plan.alone)][0], plan.supernets[SUPERNET]
    return wide | {
        "equal_cost": others[0] if others else {},
        "space": encode(task.space),
        "train_images": len(task.train[1]),
        "test_images": len(task.test[1]),
        "recipe": encode(job.recipe),
        "supernet_epochs": supernet.recipe.epochs,
        "code": code_digest(),
    }


def _found(plan: Plan, shop: Workshop) -> dict[str, Any]:
    """A seed counts once every subnet is trained with it; of the first, the subnets that are."""
    subnets = plan.subnets
    series = {name: shop.known(job, subnets) for name, job in plan.supernets.items()}
    alone = {
        seed: [shop.known(job, [arch]) for job, arch in zip(jobs, subnets, strict=True)]
        for seed, jobs in plan.alone.items()
    }
    first, *others = alone.values()
    trained = [i for i, outcome in enumerate(first) if outcome]
    main = series.pop(SUPERNET)
    if main is None or len(trained) < LEAST:
        return {}
    seeds = [_accuracies(first, trained)]
    seeds += [_accuracies(again, trained) for again in others if all(again)]
    truth = [float(x) for x in np.mean(seeds, axis=0)]
    counted = [counts(subnets[i]) for i in trained]
    inherited = {SUPERNET: main} | {name: x for name, x in series.items() if x}
    values = {name: [x.accuracies[i] for i in trained] for name, x in inherited.items()}
    each = [x.cpu_seconds for x in chain(*alone.values()) if x]
    spent = [*(x.cpu_seconds for x in inherited.values()), *each]
    return {
        **agreement(truth, values[SUPERNET]),
        "subnets": len(trained),
        "mean_alone": round(float(np.mean(truth)), 4),
        "lowest_alone": round(min(truth), 4),
        "highest_alone": round(max(truth), 4),
        "mean_inherited": round(float(np.mean(values[SUPERNET])), 4),
        **_gap(truth, values[SUPERNET]),
        "supernet_cpu_seconds": round(main.cpu_seconds, 1),
        "alone_cpu_seconds": round(float(np.mean(each)), 1),
        "seeds": len(seeds),
        **_between_seeds(seeds),
        "counts": {
            name: agreement(truth, [c[name] for c in counted])
            | gain(truth, [c[name] for c in counted], values[SUPERNET])
            | beyond(truth, [c[name] for c in counted], values[SUPERNET])
            for name in counted[0]
        },
        "ablations": {
            name: agreement(truth, accuracies)
            | gain(truth, accuracies, values[SUPERNET])
            | {"mean_inherited": round(float(np.mean(accuracies)), 4)}
            for name, accuracies in values.items()
            if name != SUPERNET
        },
        "cpu_seconds": round(sum(spent)),
        "points": [
            {
                "key": subnets[i].key,
                "alone": [round(accuracies[n], 4) for accuracies in seeds],
                **{name: round(accuracies[n], 4) for name, accuracies in values.items()},
                **counted[n],
                "architecture": subnets[i].to_json(),
            }
            for n, i in enumerate(trained)
        ],
    }


def _accuracies(outcomes: list[Outcome | None], chosen: list[int]) -> list[float]:
    return [x.accuracies[0] for i in chosen if (x := outcomes[i])]


def _gap(alone: list[float], inherited: list[float]) -> dict[str, float]:
    """Mean of a subnet's accuracy alone minus its inherited one, with a 95 % interval over
    subnets."""
    gaps = np.subtract(alone, inherited)
    margin = 1.96 * float(gaps.std(ddof=1)) / len(gaps) ** 0.5
    return {"gap": round(float(gaps.mean()), 4), "gap_margin": round(margin, 4)}


def _between_seeds(seeds: list[list[float]]) -> dict[str, float]:
    """Standard deviation of one training's accuracy over seeds, and the tau of two seeds."""
    if len(seeds) < 2:
        return {}
    pairs = agreement(seeds[0], seeds[1])
    deviation = float(np.sqrt(np.var(seeds, axis=0, ddof=1).mean()))
    return {
        "seed_noise": round(deviation, 4),
        "seed_tau": pairs["kendall_tau"],
        "seed_tau_low": pairs["ci_low"],
        "seed_tau_high": pairs["ci_high"],
    }


def table(name: str, data: dict[str, Any]) -> Iterator[str]:
    """Lines for a person to read."""
    yield (
        f"\n{name}: {data['recipe']['epochs']} epochs of {data['train_images']} images alone, "
        f"{data['supernet_epochs']} of the supernet"
    )
    yield from _lines("spread", data)
    if data["equal_cost"]:
        yield from _lines("of equal cost", data["equal_cost"])


def _lines(which: str, data: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{data['subnets']} subnets {which}: {data['lowest_alone']:.1%} to "
        f"{data['highest_alone']:.1%} alone, {data['seeds']} seeds; {data['cpu_seconds']} CPU s"
    )
    whole, each = data["supernet_cpu_seconds"], data["alone_cpu_seconds"]
    yield f"  {whole} CPU s of the supernet, {each} of a subnet alone, a {whole / each:.0f}th"
    yield f"  alone less inherited: {data['gap']:+.2%} +- {data['gap_margin']:.2%}"
    if "seed_tau" in data:
        low, high = data["seed_tau_low"], data["seed_tau_high"]
        tau = f"tau {data['seed_tau']:.2f} [{low:.2f}, {high:.2f}]"
        yield f"  {'alone, one more seed':<22}{tau:<26}noise {data['seed_noise']:.2%}"
    for title, x in {SUPERNET: data, **data["ablations"], **data["counts"]}.items():
        line = f"tau {x['kendall_tau']:.2f} [{x['ci_low']:.2f}, {x['ci_high']:.2f}]"
        more = f"{x['mean_inherited']:.2%} " if "mean_inherited" in x else ""
        if "gain" in x:
            more += f"supernet {x['gain']:+.2f} [{x['gain_low']:+.2f}, {x['gain_high']:+.2f}]"
        if "beyond" in x:
            more += f", beyond it {x['beyond']:.2f} [{x['beyond_low']:.2f}, {x['beyond_high']:.2f}]"
        yield f"  {title:<22}{line:<26}{more}".rstrip()
