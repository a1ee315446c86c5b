"""The search loop of one worker of a run, and its evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from qnas._util.serialization import read_value
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.idle import with_free_rows
from qnas.accel.cost.prediction import Predictor
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.base import Candidate, ImageObjective
from qnas.objectives.registry import modelled_objective
from qnas.studies.progress import Progress
from qnas.studies.run.run import Run
from qnas.studies.search.evaluation import Evaluator, Result, UserLimit
from qnas.studies.search.genome import Proposal
from qnas.studies.search.loop import Callback, SearchLoop
from qnas.studies.search.racing import Race, RacingEvaluator
from qnas.studies.search.sampler import Params
from qnas.studies.search.starts import guided_start, read_warm_start
from qnas.studies.search.target_local_search import FpsTargets
from qnas.studies.sections import DEFAULT_SAMPLER, SearchConfig
from qnas.studies.storage.leases import Leases

WARM_START = "seeds"


def make_search_loop(
    run: Run,
    study: optuna.Study,
    leases: Leases,
    progress: Progress,
    *,
    callbacks: Sequence[Callback] = (),
    search: SearchConfig | None = None,
) -> SearchLoop:
    """Make the search loop of one worker of `run`, which adds trials to `study`.

    `search` replaces the study's budget and sampler.
    """
    evaluate = _LazyEvaluator(run)
    return SearchLoop(
        study=study,
        genome=run.genome,
        search=search or run.config.search,
        seed=run.config.seed,
        evaluate=evaluate,
        progress=progress,
        warm_start=_warm_start(run, study),
        leases=leases,
        targets=_targets(run, evaluate),
        race=evaluate.against if races(run) else None,
        callbacks=callbacks,
        log=run.files.failures,
    )


def races(run: Run) -> bool:
    """Whether the search races: as the study says, else where it is exact and saves images.

    An objective of the user's may look at the images itself, and other samplers learn from trials
    that were evaluated on all images.
    """
    search = run.config.search
    if search.racing is not None:
        return search.racing
    others = [name for name in run.config.objective_names if name != "error"]
    modelled = all(modelled_objective(name, run.device) is not None for name in others)
    return modelled and search.sampler_name == DEFAULT_SAMPLER


def _targets(run: Run, evaluate: _LazyEvaluator) -> FpsTargets | None:
    config = run.config
    if not config.fps_targets:
        return None
    return FpsTargets(
        config.fps_targets,
        speed=lambda params: evaluate.fps(run.genome.decode(params)),
        error=config.objective_names.index("error"),
        confidence=config.confidence,
        raised=evaluate.raised,
    )


def _warm_start(run: Run, study: optuna.Study) -> list[Params]:
    """The warm-start parameters that the study began with; for a new study, read from the run that
    `search.seed_from` names, or computed from the sensitivities of a calibrated model."""
    search, most = run.config.search, run.config.search.population // 2
    if WARM_START not in study.user_attrs:
        if search.seed_from:
            front = Path(search.seed_from) / "front.csv"
            study.set_user_attr(WARM_START, read_warm_start(front, run.genome, most=most))
        elif run.config.post_training and run.config.post_training.guided:
            from qnas.supernet.post_training.sensitivity import Divergences

            found = read_value(Divergences, run.files.divergences)
            study.set_user_attr(WARM_START, guided_start(run.genome, found, count=most))
    return list(study.user_attrs.get(WARM_START, ()))


class _LazyEvaluator:
    """An evaluator that loads the supernet only when a proposal is new to the study."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, proposals: Sequence[Proposal]) -> list[Result]:
        return self._evaluator(proposals) if proposals else []

    def fps(self, proposal: Proposal) -> float | None:
        """Images per second of a proposal that keeps every limit, else None."""
        planned = self._evaluator.planned(proposal)
        if not isinstance(planned, Candidate):
            return None
        return planned.predicted["fps"].least(self._run.config.confidence)

    def raised(self, params: Params) -> Params:
        """`params` with the 8-bit rows that cost no time under their plan."""
        genome = self._run.genome
        planned = self._evaluator.planned(genome.decode(params))
        if not isinstance(planned, Candidate):
            return params
        space = genome.space
        better = with_free_rows(planned.plan, self._run.device, choices=space.w8_eighths)
        genes = space.encode(better)
        blocks = tuple(f"block{index}.w8_" for index in range(better.depth))
        return {
            name: genes[name] if name.startswith(blocks) else value
            for name, value in params.items()
        }

    def against(self, trials: Sequence[FrozenTrial]) -> RacingEvaluator:
        """The racing evaluator against earlier trials."""
        evaluator = self._evaluator
        names = [objective.name for objective in evaluator.objectives]
        error = evaluator.objectives[names.index("error")]
        assert isinstance(error, ImageObjective)
        signs = [1.0 if o.direction == "minimize" else -1.0 for o in evaluator.objectives]
        race = Race.against(trials, error.images, error=names.index("error"), signs=signs)
        return RacingEvaluator(evaluator, error, race)

    @cached_property
    def _evaluator(self) -> Evaluator:
        return make_evaluator(self._run, self._run.predictor)


def make_evaluator(run: Run, predictor: Predictor) -> Evaluator:
    """Make the evaluator of the study's objectives, which predicts by `predictor`; accuracy is on
    the search split, never on the report split."""
    from qnas.objectives.accuracy import AccuracyEvaluator
    from qnas.objectives.registry import make_objectives

    accuracy = AccuracyEvaluator(run.supernet, *run.subset("search"))
    device, batch = run.device, run.config.search.batch

    def planner(architecture: Architecture, share: float) -> tuple[HardwarePlan, Estimate]:
        return best_plan(architecture, device, share, batch=batch, predictor=predictor)

    wanted = make_objectives(
        (*run.config.objective_names, *run.config.limit_values), accuracy, device
    )
    own = len(run.config.objective_names)
    return Evaluator(
        objectives=wanted[:own],
        planner=planner,
        limits=run.limits,
        bounds=tuple(map(UserLimit, wanted[own:], run.config.limit_values.values())),
        predictor=predictor,
        source=accuracy,
    )
