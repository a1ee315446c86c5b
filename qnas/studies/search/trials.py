"""Trials of a study: how an outcome is written as one of Optuna's, and read back as a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from qnas._util.serialization import decode, encode
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction
from qnas.architecture import Architecture
from qnas.studies.search.evaluation import EarlyStopped, Evaluation, Failure, Infeasible, Result
from qnas.studies.search.genome import Genome, Proposal
from qnas.studies.search.sampler import (
    EARLY_STOPPED,
    GENERATION,
    SLOT,
    Distributions,
    Params,
    is_ours,
    place_of,
)
from qnas.studies.storage.shared import IDENTITY

ESTIMATE, PREDICTED, KEY, REASON, TRACEBACK = "estimate", "predicted", "key", "reason", "traceback"
WRONG = "wrong"  # of a race


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A COMPLETE trial: what was proposed, and what came of it."""

    number: int
    generation: int
    slot: int
    proposal: Proposal
    values: Mapping[str, float]
    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction

    @property
    def architecture(self) -> Architecture:
        """The subnet."""
        return self.proposal.architecture

    @property
    def key(self) -> str:
        """Of the subnet and its share of the DSPs."""
        return self.proposal.key

    @property
    def place(self) -> tuple[int, int]:
        """Its order in the study, whoever evaluated it and when."""
        return self.generation, self.slot

    @property
    def feasible(self) -> bool:
        """Whether it keeps every limit."""
        return all(value <= 0 for value in self.constraints.values())

    @property
    def accuracy(self) -> float | None:
        """Top-1 on the search split, as a fraction; the objective `error` is in percent."""
        error_percent = self.values.get("error")
        return None if error_percent is None else 1 - error_percent / 100

    def amount(self, name: str) -> float:
        """An objective's value; else what is predicted of one of AMOUNTS or "cycles"."""
        return self.values[name] if name in self.values else self.predicted.value(name)

    @property
    def fps(self) -> float:
        """Images a second, predicted."""
        return self.predicted.value("fps")


@dataclass(frozen=True, slots=True)
class TrialPosition:
    """Where a proposal stands in a study."""

    generation: int
    slot: int


def make_trial(
    place: TrialPosition,
    params: Params,
    distributions: Distributions,
    *,
    key: str,
    result: Result,
    begun: datetime,
) -> FrozenTrial:
    """An ordinary Optuna trial: COMPLETE; PRUNED, with its constraints and without values, if it
    was refused for a limit or dropped from a race; FAIL with its reason and traceback.

    It took from `begun` until now: trials that were evaluated together took the same time."""
    attrs: dict[str, object] = {KEY: key}
    if isinstance(result, Failure):
        attrs[REASON] = result.reason
        if result.traceback:
            attrs[TRACEBACK] = result.traceback
    else:
        attrs[ESTIMATE] = encode(result.estimate)
        if result.predicted != Prediction.of(result.estimate):
            attrs[PREDICTED] = encode(result.predicted)
    if isinstance(result, Evaluation) and result.wrong:
        attrs[WRONG] = result.wrong
    if isinstance(result, EarlyStopped):
        attrs[EARLY_STOPPED] = {
            "images": result.images,
            "errors": result.errors,
            "bound": list(result.bound),
        }
    trial = FrozenTrial(
        number=-1,
        trial_id=-1,
        state=_state(result),
        value=None,
        values=list(result.values) if isinstance(result, Evaluation) else None,
        datetime_start=begun,
        datetime_complete=datetime.now(),
        params=params,
        distributions=distributions,
        user_attrs=attrs,
        system_attrs={GENERATION: place.generation, SLOT: place.slot},
        intermediate_values={},
    )
    for name, value in () if isinstance(result, Failure) else result.constraints.items():
        trial.set_constraint(name, value)
    return trial


def read_result(trial: FrozenTrial) -> Evaluation | EarlyStopped | Infeasible:
    """Inverse of `make_trial` for a decided trial; floats come back exactly."""
    estimate = decode(Estimate, trial.user_attrs[ESTIMATE], subject=f"trial {trial.number}")
    attrs, predicted = trial.user_attrs, predicted_of(trial)
    if EARLY_STOPPED in attrs:
        found = attrs[EARLY_STOPPED]
        bound = tuple(found["bound"])
        return EarlyStopped(
            trial.constraints,
            estimate,
            predicted,
            images=found["images"],
            errors=found["errors"],
            bound=bound,
        )
    if trial.state == TrialState.PRUNED:
        return Infeasible(trial.constraints, estimate, predicted)
    return Evaluation(
        tuple(trial.values), trial.constraints, estimate, predicted, attrs.get(WRONG, "")
    )


def predicted_of(trial: FrozenTrial) -> Prediction:
    """What was predicted of a decided trial: its estimate, unless a calibration said otherwise."""
    subject = f"trial {trial.number}"
    if PREDICTED in trial.user_attrs:
        return decode(Prediction, trial.user_attrs[PREDICTED], subject=subject)
    return Prediction.of(decode(Estimate, trial.user_attrs[ESTIMATE], subject=subject))


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The search's trials that are over, one a place, by place: see `History`."""
    first: dict[tuple[int, int], FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished() and is_ours(trial):
            first.setdefault(place_of(trial), trial)
    return [first[place] for place in sorted(first)]


def decided_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The search's trials with an outcome, by place: evaluated, or refused for a limit."""
    return [trial for trial in finished_trials(study) if trial.state != TrialState.FAIL]


def copy_missing(source: optuna.Study, target: optuna.Study) -> None:
    """Add to `target`, by place, the search's trials that it lacks, and the facts about it."""
    have = {place_of(trial) for trial in finished_trials(target)}
    target.add_trials(t for t in finished_trials(source) if place_of(t) not in have)
    known = target.user_attrs
    for key, value in source.user_attrs.items():
        if key != IDENTITY and known.get(key) != value:
            target.set_user_attr(key, value)


def read_records(
    study: optuna.Study, genome: Genome, objectives: Sequence[str]
) -> list[TrialRecord]:
    """Every decided trial of `study`, by place; those refused have no values."""
    return [_record(trial, genome, objectives) for trial in decided_trials(study)]


def _record(trial: FrozenTrial, genome: Genome, objectives: Sequence[str]) -> TrialRecord:
    found = read_result(trial)
    values = found.values if isinstance(found, Evaluation) else ()
    return TrialRecord(
        number=trial.number,
        generation=place_of(trial)[0],
        slot=place_of(trial)[1],
        proposal=genome.decode(trial.params),
        values=dict(zip(objectives, values, strict=True)) if values else {},
        constraints=found.constraints,
        estimate=found.estimate,
        predicted=found.predicted,
    )


def _state(result: Result) -> TrialState:
    if isinstance(result, Failure):
        return TrialState.FAIL
    return TrialState.COMPLETE if isinstance(result, Evaluation) else TrialState.PRUNED
