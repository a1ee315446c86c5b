"""Trials predicted anew: a study's search as later measurements of kernels judge it.

Plans, constraints and modelled objectives are computed again. Errors on images are kept: only a
candidate that had none, because it broke a limit or was out of a race, and now deserves one, is
evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from qnas.objectives.base import Candidate
from qnas.objectives.hardware import MODELLED
from qnas.studies.search.evaluation import EarlyStopped, Evaluation, Evaluator, Failure, Result
from qnas.studies.search.genome import Genome, Proposal
from qnas.studies.search.sampler import place_of
from qnas.studies.search.trials import KEY, TrialPosition, make_trial, read_result

Advance = Callable[[int, int], object]


def repredict(
    trials: Sequence[FrozenTrial], genome: Genome, evaluator: Evaluator, advance: Advance
) -> list[FrozenTrial]:
    """The `trials` of a search, in order, with the results that `evaluator` gives them now.

    Failed trials stay as they are. `advance` is called with the number of candidates done and the
    number of all.
    """
    first = {t.user_attrs[KEY]: t for t in reversed(trials) if t.state != TrialState.FAIL}
    results: dict[str, Result] = {}
    for count, (key, trial) in enumerate(first.items(), start=1):
        results[key] = _again(evaluator, genome.decode(trial.params), trial)
        advance(count, len(first))
    _evaluate_deserving(evaluator, genome, first, results)
    return [_renewed(trial, results) for trial in trials]


def _again(evaluator: Evaluator, proposal: Proposal, trial: FrozenTrial) -> Result:
    """The result of a known trial, as far as it needs no images."""
    planned = evaluator.planned(proposal)
    if not isinstance(planned, Candidate):
        return planned
    known = read_result(trial)
    names = [objective.name for objective in evaluator.objectives]
    if isinstance(known, EarlyStopped):
        (modelled,) = evaluator.values([planned], _modelled(evaluator))
        if isinstance(modelled, Failure):
            return modelled
        old = dict(zip(names, known.bound, strict=True))
        bound = tuple({**old, **modelled}[name] for name in names)
        found = evaluator.constraints(proposal, planned.predicted, modelled)
        return replace(
            known,
            constraints=found,
            estimate=planned.estimate,
            predicted=planned.predicted,
            bound=bound,
        )
    wanted = {o.name for o in evaluator.wanted() if not isinstance(o, MODELLED)}
    values = dict(zip(names, known.values, strict=True)) if isinstance(known, Evaluation) else {}
    if not wanted <= values.keys():
        (result,) = evaluator([proposal])
        return result
    now = evaluator.evaluation(proposal, planned, {name: values[name] for name in wanted})
    if isinstance(now, Evaluation) and isinstance(known, Evaluation):
        return replace(now, wrong=known.wrong)
    return now


def _modelled(evaluator: Evaluator) -> list[MODELLED]:  # type: ignore[valid-type]
    return [o for o in evaluator.wanted() if isinstance(o, MODELLED)]


def _evaluate_deserving(
    evaluator: Evaluator,
    genome: Genome,
    first: Mapping[str, FrozenTrial],
    results: dict[str, Result],
) -> None:
    """Evaluate early-stopped candidates whose bound no evaluated candidate dominates any more."""
    signs = np.array([1.0 if o.direction == "minimize" else -1.0 for o in evaluator.objectives])
    evaluated = [
        signs * np.array(r.values)
        for r in results.values()
        if isinstance(r, Evaluation) and max(r.constraints.values()) <= 0
    ]
    rivals = np.array(evaluated).reshape(-1, len(signs))
    for key, found in results.items():
        if isinstance(found, EarlyStopped):
            bound = signs * np.array(found.bound)
            dominated = np.all(rivals <= bound, axis=1) & np.any(rivals < bound, axis=1)
            if not dominated.any():
                (results[key],) = evaluator([genome.decode(first[key].params)])


def _renewed(trial: FrozenTrial, results: Mapping[str, Result]) -> FrozenTrial:
    if trial.state == TrialState.FAIL:
        return trial
    generation, slot = place_of(trial)
    begun, ended = trial.datetime_start, trial.datetime_complete
    assert begun is not None and ended is not None, "a finished trial has both"
    return make_trial(
        TrialPosition(generation, slot),
        trial.params,
        trial.distributions,
        key=trial.user_attrs[KEY],
        result=results[trial.user_attrs[KEY]],
        period=(begun, ended),
    )
