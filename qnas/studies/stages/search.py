"""Stage `search`: the NSGA-II study, and its front."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from optuna import Study
from optuna.trial import FrozenTrial

from qnas._util.serialization import write_atomically
from qnas.accel.cost.estimate import Estimate
from qnas.accel.folding_search.search import best_plan
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import CheckpointError, problem
from qnas.objectives.base import Candidate, ImageObjective
from qnas.studies.results.front import front_csv
from qnas.studies.run.progress import Progress
from qnas.studies.run.run import Workspace
from qnas.studies.search.evaluation import Bound, Evaluator, Result
from qnas.studies.search.genome import Proposal
from qnas.studies.search.loop import Runner
from qnas.studies.search.racing import Race, RacingEvaluator
from qnas.studies.search.sampler import Params
from qnas.studies.search.target_local_search import Targets
from qnas.studies.search.trials import decided_trials
from qnas.studies.search.warm_start import read_seeds
from qnas.studies.storage.leases import Claims
from qnas.studies.storage.shared import copy_missing
from qnas.studies.workers.pool import ALONE, Team, at_work

STAGE = "search"
SUPERNET, SEEDS = "supernet", "seeds"


def searched(work: Workspace) -> bool:
    """Whether the study has all its trials, and its front is written.

    Raises CheckpointError for trials of another supernet than the one in the run.
    """
    _check_supernet(work)
    files, trials = work.files, work.config.search.trials
    return files.front.exists() and len(decided_trials(work.study)) >= trials


def search(work: Workspace, progress: Progress, team: Team = ALONE) -> None:
    """Complete the study and write front.csv. Raises CapacityError if nothing fits the device.

    A study in a shared storage is copied to the run's journal in the end, which is what the other
    stages read.
    """
    work.need(STAGE, work.trained(), "train")
    if searched(work):
        progress.stage(STAGE, "study is complete")
        return
    config = work.config
    objectives = ", ".join(config.objectives)
    progress.stage(STAGE, f"{config.search.trials} trials for {objectives} on {work.device.name}")
    work.records()  # a damaged journal is found before anything is added to it
    work.study.set_user_attr(SUPERNET, work.supernet_digest())
    work.files.front.unlink(missing_ok=True)  # of a shorter search, if there is one
    with at_work(work, team) as (study, claims):
        if study is not work.study:
            copy_missing(work.study, study)
        make_runner(work, study, claims, progress).run()
        if study is not work.study:
            copy_missing(study, work.study)
    write_atomically(work.files.front, front_csv(work.records()))


def make_runner(work: Workspace, study: Study, claims: Claims, progress: Progress) -> Runner:
    """One worker of the search of `work` in `study`."""
    evaluate = _LazyEvaluator(work)
    return Runner(
        study=study,
        genome=work.genome,
        search=work.config.search,
        seed=work.config.seed,
        evaluate=evaluate,
        progress=progress,
        seeds=_seeds(work, study),
        claims=claims,
        targets=_targets(work, evaluate),
        race=evaluate.against if work.config.search.racing else None,
    )


def _targets(work: Workspace, evaluate: _LazyEvaluator) -> Targets | None:
    config = work.config
    if not config.fps_targets:
        return None
    return Targets(
        config.fps_targets,
        speed=lambda params: evaluate.fps(work.genome.decode(params)),
        error=config.objectives.index("error"),
    )


def _seeds(work: Workspace, study: Study) -> list[Params]:
    """Those the study began with; for a new one, from the run that it is seeded from."""
    search = work.config.search
    if not search.seed_from:
        return []
    if SEEDS not in study.user_attrs:
        front = Path(search.seed_from) / "front.csv"
        seeds = read_seeds(front, work.genome, most=search.population // 2)
        study.set_user_attr(SEEDS, seeds)
    return list(study.user_attrs[SEEDS])


def _check_supernet(work: Workspace) -> None:
    if not (work.trained() and work.files.journal.exists()):
        return
    made_with, found = work.study.user_attrs.get(SUPERNET), work.supernet_digest()
    if made_with not in (None, found):
        raise CheckpointError(
            problem(
                str(work.files.supernet[0]),
                f"must be the supernet that {work.files.journal.name} was made with",
                f"another (SHA-256 {found[:12]}, not {str(made_with)[:12]})",
                f"Restore it, or delete {work.files.journal} and search again.",
            )
        )


class _LazyEvaluator:
    """Loads the supernet only when a proposal is new to the study."""

    def __init__(self, work: Workspace) -> None:
        self._work = work

    def __call__(self, proposals: Sequence[Proposal]) -> list[Result]:
        return self._evaluator(proposals) if proposals else []

    def fps(self, proposal: Proposal) -> float | None:
        """Images a second of a proposal that keeps every limit; None of others."""
        planned = self._evaluator.planned(proposal)
        return planned.estimate.fps if isinstance(planned, Candidate) else None

    def against(self, trials: Sequence[FrozenTrial]) -> RacingEvaluator:
        """Races against earlier trials."""
        evaluator = self._evaluator
        names = [objective.name for objective in evaluator.objectives]
        error = evaluator.objectives[names.index("error")]
        assert isinstance(error, ImageObjective)
        signs = [1.0 if o.direction == "minimize" else -1.0 for o in evaluator.objectives]
        race = Race.against(trials, error.images, error=names.index("error"), signs=signs)
        return RacingEvaluator(evaluator, error, race)

    @cached_property
    def _evaluator(self) -> Evaluator:
        return _make_evaluator(self._work)


def _make_evaluator(work: Workspace) -> Evaluator:
    """The study's objectives; accuracy on the search split, never on the report's."""
    from qnas.objectives.accuracy import AccuracyEvaluator
    from qnas.objectives.registry import make_objectives

    accuracy = AccuracyEvaluator(work.supernet, *work.part("search"))
    device = work.device

    def planner(architecture: Architecture, share: float) -> tuple[HardwarePlan, Estimate]:
        return best_plan(architecture, device, dsp_share=share, limits=work.limits)

    wanted = make_objectives(
        (*work.config.objectives, *work.config.limits),
        accuracy,
        device,
        calibration=work.calibration,
    )
    own = len(work.config.objectives)
    return Evaluator(
        objectives=wanted[:own],
        planner=planner,
        limits=work.limits,
        bounds=tuple(map(Bound, wanted[own:], work.config.limits.values())),
    )
