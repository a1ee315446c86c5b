"""Does searching the width of rows pay? Fronts of equal evaluations on one trained supernet.

    python tests/bench/worth.py [runs/NAME] [--seeds 5] [--trials 300] [--json OUT]

Each approach searches the trained supernet of the run (without one: of digits, trained for
`--epochs`), on its device with all DSPs, for error on
the search split and predicted latency, with as many evaluations as the others:

- rows: a share of 8-bit rows for every matrix, and the architecture (`qnas search`);
- rows, from one ratio: the same, whose first generation has one share for all matrices;
- one ratio: one share for all matrices, and the architecture;
- whole matrices: 8 or 4 bits for every matrix, and the architecture;
- all 8, all 4: one width, and the architecture;
- hand-made: the space's middle architecture, with searched rows;
- random: the choices of `rows`, drawn at random.

With `--shape` the architecture is one of the space's, and only its rows are searched.

`hypervolume` is that of the fronts' members, with their error on the report split, in the box of
all approaches and seeds. `at_fps`: the report error of the candidate with the least search error
that reaches a speed. Both with the mean over seeds and a 95 % interval (Student's t), and as
difference to `rows`, seed by seed. Speeds are modelled.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from optuna.trial import FrozenTrial
from racing import trained
from scipy.stats import t as student

from qnas._util.serialization import write_json
from qnas.accel.cost.estimate import Estimate
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.accuracy import AccuracyEvaluator, ErrorObjective
from qnas.objectives.hardware import LatencyObjective
from qnas.pareto import Box, hypervolume, nondominated
from qnas.space import Choice, Gene, SearchSpace
from qnas.studies.open_run import OpenRun, open_run
from qnas.studies.progress import Silent
from qnas.studies.search.evaluation import Evaluate, Evaluator
from qnas.studies.search.genome import DSP_SHARE, Genome
from qnas.studies.search.loop import SearchLoop
from qnas.studies.search.racing import Race, RacingEvaluator
from qnas.studies.search.trials import TrialRecord, read_records
from qnas.studies.sections import SearchConfig
from qnas.studies.storage.journal import open_study

OBJECTIVES = ("error", "latency")
ROWS = "rows"
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the speeds on all fronts that are compared
W8 = "w8"
SHAPES = ("smallest", "middle", "largest")


@dataclass(frozen=True)
class OneRatio:
    """A space whose matrices all have the same share of 8-bit rows, a single gene."""

    space: SearchSpace

    def genes(self) -> tuple[Gene, ...]:
        own = tuple(gene for gene in self.space.genes() if ".w8_" not in gene.name)
        return (*own, Gene(W8, self.space.w8_eighths))

    def decode(self, params: Mapping[str, Choice]) -> Architecture:
        return self.space.decode(self.untied(params))

    def untied(self, params: Mapping[str, Choice]) -> dict[str, Choice]:
        """The parameters of the space itself."""
        own = {name: choice for name, choice in params.items() if name != W8}
        return own | {g.name: params[W8] for g in self.space.genes() if ".w8_" in g.name}


@dataclass(frozen=True)
class Approach:
    """A space and the sampler that searches it; whether all matrices of the first generation's
    candidates have one ratio."""

    space: Any
    sampler: str = "NSGAIISampler"
    tied: bool = False

    def start(self, config: SearchConfig, seed: int) -> list[dict[str, Choice]]:
        """The first generation, if it is not drawn from the whole space."""
        if not self.tied:
            return []
        rng, ratios = Random(seed), OneRatio(self.space)
        drawn = [
            {gene.name: rng.choice(gene.choices) for gene in ratios.genes()}
            for _ in range(config.population)
        ]
        return [{**ratios.untied(one), DSP_SHARE: 1.0} for one in drawn]


@dataclass(frozen=True)
class Front:
    """The members of one search's front: error on both splits in percent, and latency."""

    search_error: tuple[float, ...]
    report_error: tuple[float, ...]
    latency_ms: tuple[float, ...]

    def points(self) -> list[tuple[float, float]]:
        return list(zip(self.report_error, self.latency_ms, strict=True))

    def at_fps(self, fps: float) -> float | None:
        """The report error of the member with the least search error that reaches `fps`."""
        rows = zip(self.search_error, self.report_error, self.latency_ms, strict=True)
        reaching = [(error, report) for error, report, ms in rows if 1e3 / ms >= fps]
        return min(reaching)[1] if reaching else None


def of_one_shape(space: SearchSpace, arch: Architecture) -> SearchSpace:
    """The space that searches the rows of `arch` alone, whose blocks are alike."""
    return replace(
        space,
        embed_dims=(arch.embed_dim,),
        depths=(arch.depth,),
        num_heads=(arch.blocks[0].num_heads,),
        mlp_ratios=(arch.blocks[0].mlp_hidden / arch.embed_dim,),
    )


def approaches(space: SearchSpace) -> dict[str, Approach]:
    """Every approach by its name; hand-made only where there are shapes."""
    shape = of_one_shape(space, space.middle())
    found = {
        ROWS: Approach(space),
        "rows, from one ratio": Approach(space, tied=True),
        "one ratio": Approach(OneRatio(space)),
        "whole matrices": Approach(replace(space, w8_eighths=(0, 8))),
        "all 8": Approach(replace(space, w8_eighths=(8,))),
        "all 4": Approach(replace(space, w8_eighths=(0,))),
        "hand-made": Approach(shape),
        "random": Approach(space, "RandomSampler"),
    }
    return found if shape != space else {k: v for k, v in found.items() if k != "hand-made"}


class Searches:
    """Searches on one run; every subnet is evaluated once on each split."""

    def __init__(
        self, run: OpenRun, search: SearchConfig, *, images: int, report_images: int
    ) -> None:
        self.run, self.config = run, search
        splits = {"search": images, "report": report_images}
        self.search, self.report = (
            AccuracyEvaluator(run.supernet, *run.loaded_subset(name, at_most=most))
            for name, most in splits.items()
        )

    def front(self, approach: Approach, *, seed: int) -> Front:
        genome = Genome(approach.space, (1.0,))
        config = replace(self.config, sampler=approach.sampler)
        start = approach.start(config, seed)
        error = ErrorObjective(self.search)
        evaluator = Evaluator(
            (error, LatencyObjective()), self._plan, self.run.limits, predictor=self.run.predictor
        )

        def race(earlier: Sequence[FrozenTrial]) -> Evaluate:
            rivals = Race.against(earlier, error.images, error=0, signs=(1, 1))
            return RacingEvaluator(evaluator, error, rivals)

        with TemporaryDirectory() as folder:
            study = open_study(Path(folder) / "a", name="worth", directions=["minimize"] * 2)
            racing = race if config.racing else None
            SearchLoop(study, genome, config, seed, evaluator, Silent(), start, race=racing).run()
            trials_found = read_records(study, genome, OBJECTIVES)
        return self._front([trial for trial in trials_found if trial.feasible and trial.values])

    def facts(self) -> dict[str, Any]:
        return {
            "run": self.run.config.name,
            "trials": self.config.trials,
            "population": self.config.population,
            "racing": self.config.racing,
            "search_images": len(self.search),
            "images": len(self.report),
        }

    def _plan(self, arch: Architecture, share: float) -> tuple[HardwarePlan, Estimate]:
        return best_plan(arch, self.run.device, share, predictor=self.run.predictor)

    def _front(self, trials: Sequence[TrialRecord]) -> Front:
        distinct = list({trial.key: trial for trial in trials}.values())
        values = [(trial.values["error"], trial.values["latency"]) for trial in distinct]
        members = [t for t, keep in zip(distinct, nondominated(values), strict=True) if keep]
        top1 = self.report.top1([trial.architecture for trial in members])
        return Front(
            tuple(trial.values["error"] for trial in members),
            tuple(100 * (1 - accuracy) for accuracy in top1),
            tuple(trial.values["latency"] for trial in members),
        )


def summary(fronts: Mapping[str, Sequence[Front]]) -> dict[str, Any]:
    """Hypervolumes and errors at equal speeds of every approach's fronts, one for each seed."""
    every = [front for group in fronts.values() for front in group]
    box = Box.around([point for front in every for point in front.points()])
    rates = [1e3 / ms for front in every for ms in front.latency_ms]
    levels = [float(level) for level in np.quantile(rates, LEVELS)]
    volumes = {
        name: [hypervolume(front.points(), box) for front in group]
        for name, group in fronts.items()
    }
    result: dict[str, Any] = {"fps_levels": [round(level) for level in levels], "approaches": {}}
    for name, group in fronts.items():
        errors = [[front.at_fps(level) for front in group] for level in levels]
        base = [[front.at_fps(level) for front in fronts[ROWS]] for level in levels]
        result["approaches"][name] = {
            "members": [len(front.latency_ms) for front in group],
            "hypervolume": interval(volumes[name]),
            "hypervolume_lost_to_rows": interval(np.subtract(volumes[ROWS], volumes[name])),
            "error_at_fps": [interval(_known(row)) for row in errors],
            "points_lost_to_rows_at_fps": [
                interval([a - b for a, b in zip(row, ours, strict=True) if None not in (a, b)])
                for row, ours in zip(errors, base, strict=True)
            ],
        }
    return result


def interval(values: Any) -> dict[str, float | int] | None:
    """Mean and 95 % interval over seeds; None without a value, no interval of a single one."""
    found = np.asarray(list(values), dtype=float)
    if not len(found):
        return None
    result: dict[str, float | int] = {"mean": round(float(found.mean()), 4), "seeds": len(found)}
    if len(found) > 1:
        half = student.ppf(0.975, len(found) - 1) * found.std(ddof=1) / len(found) ** 0.5
        result |= {
            "low": round(float(found.mean() - half), 4),
            "high": round(float(found.mean() + half), 4),
        }
    return result


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def show(found: Mapping[str, Any]) -> None:
    levels = "  ".join(f"{level:>12,} FPS" for level in found["fps_levels"])
    print(f"{'':<16} {'hypervolume':<26} report error, % {levels}")
    for name, row in found["approaches"].items():
        cells = "  ".join(f"{_text(one):>16}" for one in row["error_at_fps"])
        print(f"{name:<16} {_text(row['hypervolume']):<26} {cells}")


def _text(one: Mapping[str, float] | None) -> str:
    if one is None:
        return "-"
    spread = f" ({one['low']:.3g} to {one['high']:.3g})" if "low" in one else ""
    return f"{one['mean']:.4g}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("run", type=Path, nargs="?", help="A run whose supernet is trained.")
    parser.add_argument("--epochs", type=int, default=130, help="Of digits, without a run.")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=300, help="Evaluations of each search.")
    parser.add_argument("--population", type=int, default=50, help="Of a generation, at most.")
    parser.add_argument("--images", type=int, default=4000, help="At most, of the search split.")
    parser.add_argument("--report-images", type=int, default=4000, help="At most.")
    parser.add_argument("--racing", action="store_true", help="As in a study; the front is exact.")
    parser.add_argument("--shape", choices=SHAPES, help="Search the rows of one shape alone.")
    parser.add_argument("--only", nargs="+", help="Names of approaches beside rows.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        path = arguments.run or trained(None, Path(folder), arguments.epochs).files.path
        config = SearchConfig(
            trials=arguments.trials,
            population=min(arguments.population, arguments.trials),
            dsp_shares=(1.0,),
            racing=arguments.racing,
        )
        searches = Searches(
            open_run(path, trust=True),
            config,
            images=arguments.images,
            report_images=arguments.report_images,
        )
    space: SearchSpace = searches.run.space
    if arguments.shape:
        space = of_one_shape(space, getattr(space, arguments.shape)())
    chosen = approaches(space)
    if arguments.only:
        chosen = {k: v for k, v in chosen.items() if k in (ROWS, *arguments.only)}
    fronts: dict[str, list[Front]] = {name: [] for name in chosen}
    for seed in range(arguments.seeds):
        for name, approach in chosen.items():
            found = searches.front(approach, seed=seed)
            fronts[name].append(found)
            print(f"seed {seed}, {name}: {len(found.latency_ms)} members", flush=True)
        facts = searches.facts() | {"shape": arguments.shape or "", "seeds": seed + 1}
        result = facts | summary(fronts)
        if arguments.json:  # after each seed: a search that is cut short has figures
            write_json(arguments.json, result)
    show(result)


if __name__ == "__main__":
    main()
