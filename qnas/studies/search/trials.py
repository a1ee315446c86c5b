"""Trials of a study: outcomes written as Optuna trials, and read back as records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import optuna
from optuna.trial import FrozenTrial, TrialState

from qnas._util.serialization import decode, encode
from qnas.accel.cost.estimate import RESOURCES, Estimate
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
AMOUNT_ATTRS = ("fps", "cycles", *RESOURCES)  # plain numbers for tables and plots of Optuna
Period = tuple[datetime, datetime]  # start and end of a trial
WRONG = "wrong"  # with racing: the flags of the misclassified images


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """An evaluated trial: its proposal and its outcome.

    Attributes:
        number: Optuna's number of the trial; it depends on the timing of the workers.
        generation: Generation of the trial, from 0.
        slot: Slot of the trial in its generation, from 0.
        proposal: The subnet and its share of the DSPs.
        values: Objective values by name, in the objectives' units.
        constraints: Relative violations by resource and limit, met if <= 0.
        estimate: The cost model's amounts.
        predicted: The estimate after the study's calibration.
    """

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
        """The identifier of the subnet and its share of the DSPs."""
        return self.proposal.key

    @property
    def place(self) -> tuple[int, int]:
        """Generation and slot: the trial's order in the study, independent of the workers."""
        return self.generation, self.slot

    @property
    def feasible(self) -> bool:
        """Whether the trial keeps every limit."""
        return all(value <= 0 for value in self.constraints.values())

    @property
    def accuracy(self) -> float | None:
        """Top-1 accuracy on the search split, as a fraction; None without the objective `error`,
        which is in percent."""
        error_percent = self.values.get("error")
        return None if error_percent is None else 1 - error_percent / 100

    def amount(self, name: str) -> float:
        """The value of an objective, or the predicted amount of one of AMOUNTS or "cycles"."""
        return self.values[name] if name in self.values else self.predicted.value(name)

    def most(self, name: str, confidence: float) -> float:
        """The amount that must keep an upper limit: `amount`, or with confidence the upper end of
        its interval."""
        found = self.predicted.amounts.get(name)
        return found.high if found and confidence else self.amount(name)

    def least(self, name: str, confidence: float) -> float:
        """The amount that must reach a lower limit, likewise."""
        found = self.predicted.amounts.get(name)
        return found.low if found and confidence else self.amount(name)

    @property
    def fps(self) -> float:
        """Predicted images per second."""
        return self.predicted.value("fps")


@dataclass(frozen=True, slots=True)
class TrialPosition:
    """The position of a proposal in a study."""

    generation: int
    slot: int


def periods(keys: Sequence[str], fresh: Collection[str], begun: datetime) -> list[Period]:
    """Start and end of each trial of a batch that began at `begun` and ends now.

    Proposals of a batch are evaluated in common passes, so that only the batch has a time. It is
    divided evenly over the `fresh` keys, in order; a duplicate takes no time.
    """
    share = (datetime.now() - begun) / max(1, len(fresh))
    seen: set[str] = set()
    found = []
    for key in keys:
        start = begun + len(seen) * share
        if key in fresh:
            seen.add(key)
        found.append((start, begun + len(seen) * share))
    return found


def make_trial(
    place: TrialPosition,
    params: Params,
    distributions: Distributions,
    *,
    key: str,
    result: Result,
    period: Period,
) -> FrozenTrial:
    """Make an ordinary Optuna trial of an outcome.

    The state is COMPLETE for an Evaluation; PRUNED, with constraints and without values, for an
    infeasible or early-stopped proposal; FAIL, with reason and traceback, for a failure. Planned
    trials have their predicted amounts as user attributes (AMOUNT_ATTRS). The trial
    lasts for `period`, see `periods`.
    """
    attrs: dict[str, object] = {KEY: key}
    if isinstance(result, Failure):
        attrs[REASON] = result.reason
        if result.traceback:
            attrs[TRACEBACK] = result.traceback
    else:
        attrs |= {name: result.predicted.value(name) for name in AMOUNT_ATTRS}
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
        datetime_start=period[0],
        datetime_complete=period[1],
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
    """Read the outcome of a decided trial that `make_trial` made; floats are exact."""
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
    """The prediction of a decided trial: its estimate, or the calibrated amounts."""
    subject = f"trial {trial.number}"
    if PREDICTED in trial.user_attrs:
        return decode(Prediction, trial.user_attrs[PREDICTED], subject=subject)
    return Prediction.of(decode(Estimate, trial.user_attrs[ESTIMATE], subject=subject))


def finished_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The finished trials of the search, one per position, by position: see `History`."""
    first: dict[tuple[int, int], FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished() and is_ours(trial):
            first.setdefault(place_of(trial), trial)
    return [first[place] for place in sorted(first)]


def decided_trials(study: optuna.Study) -> list[FrozenTrial]:
    """The decided trials of the search, by position: evaluated, infeasible or early-stopped."""
    return [trial for trial in finished_trials(study) if trial.state != TrialState.FAIL]


@dataclass(frozen=True, slots=True)
class FailedTrials:
    """The failed trials of a search: their number, and the reason of the first, by position."""

    count: int
    first_reason: str

    def __str__(self) -> str:
        trials = "1 trial" if self.count == 1 else f"{self.count:,} trials"
        return f"{trials} failed; the first: {self.first_reason}"


def failed_trials(study: optuna.Study) -> FailedTrials | None:
    """The failed trials of the search; None without any."""
    found = [trial for trial in finished_trials(study) if trial.state == TrialState.FAIL]
    return FailedTrials(len(found), found[0].user_attrs[REASON]) if found else None


def copy_missing(source: optuna.Study, target: optuna.Study) -> None:
    """Add the search's trials that `target` lacks, by position, and the study's attributes."""
    have = {place_of(trial) for trial in finished_trials(target)}
    target.add_trials(t for t in finished_trials(source) if place_of(t) not in have)
    known = target.user_attrs
    for key, value in source.user_attrs.items():
        if key != IDENTITY and known.get(key) != value:
            target.set_user_attr(key, value)


def read_records(
    study: optuna.Study, genome: Genome, objectives: Sequence[str]
) -> list[TrialRecord]:
    """Read every decided trial of `study`, by position; infeasible and early-stopped trials have no
    values."""
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
