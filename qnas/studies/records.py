"""TrialRecord: one finished trial of a study, decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from qnas.architecture import Architecture
from qnas.objectives.cost.estimate import Estimate
from qnas.serial import decode, encode
from qnas.studies.evaluate import Evaluation
from qnas.studies.genome import Genome, Proposal
from qnas.studies.sampler import SlotSampler

ESTIMATE = "estimate"
KEY = "key"


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A COMPLETE trial: what was proposed, and what came of it."""

    number: int
    generation: int
    proposal: Proposal
    values: Mapping[str, float]
    constraints: Mapping[str, float]
    estimate: Estimate

    @property
    def architecture(self) -> Architecture:
        return self.proposal.architecture

    @property
    def key(self) -> str:
        return self.proposal.key

    @property
    def feasible(self) -> bool:
        return all(value <= 0 for value in self.constraints.values())


def write_evaluation(trial: Trial, evaluation: Evaluation) -> None:
    """Attach everything but the values, which `study.tell` takes."""
    for name, value in evaluation.constraints.items():
        trial.set_constraint(name, value)
    trial.set_user_attr(ESTIMATE, encode(evaluation.estimate))


def read_evaluation(trial: FrozenTrial) -> Evaluation:
    """Inverse of `write_evaluation`, values included; floats come back exactly."""
    estimate = decode(Estimate, trial.user_attrs[ESTIMATE], subject=f"trial {trial.number}")
    return Evaluation(tuple(trial.values), trial.constraints, estimate)


def complete_trials(study: Study) -> list[FrozenTrial]:
    """The COMPLETE trials, by number."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def read_records(study: Study, genome: Genome, objectives: Sequence[str]) -> list[TrialRecord]:
    """Every COMPLETE trial of `study`, by number."""
    return [_record(trial, genome, objectives) for trial in complete_trials(study)]


def _record(trial: FrozenTrial, genome: Genome, objectives: Sequence[str]) -> TrialRecord:
    evaluation = read_evaluation(trial)
    return TrialRecord(
        number=trial.number,
        generation=SlotSampler.generation_of(trial),
        proposal=genome.decode(trial.params),
        values=dict(zip(objectives, evaluation.values, strict=True)),
        constraints=evaluation.constraints,
        estimate=evaluation.estimate,
    )
