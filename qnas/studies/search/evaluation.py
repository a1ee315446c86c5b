"""Evaluation of proposals: plan, constraints, objective values; or the reason why not."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.cost.prediction import UNCALIBRATED, Prediction, Predictor
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.base import Candidate, Objective
from qnas.objectives.hardware import MODELLED
from qnas.studies.search.genome import Proposal

Planner = Callable[[Architecture, float], tuple[HardwarePlan, Estimate]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One value an objective, in the study's order; one constraint a resource, met if <= 0."""

    values: tuple[float, ...]
    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction
    wrong: str = ""  # in a race: which images, a bit each


@dataclass(frozen=True, slots=True)
class EarlyStopped:
    """A proposal that is certain to be dominated after `errors` errors on `images` images.

    `bound` are its values, but for an error that is the least it can be: what a search may breed
    by, and never a value of the trial.
    """

    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction
    images: int
    errors: int
    bound: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A proposal beyond a limit that its plan already tells: no image was spent on it."""

    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction


@dataclass(frozen=True, slots=True)
class Failure:
    """A proposal that could not be evaluated, with the traceback of an exception, if it was one.
    Nothing stands in for its values."""

    reason: str
    traceback: str = ""


Result = Evaluation | EarlyStopped | Infeasible | Failure
Evaluate = Callable[[Sequence[Proposal]], list[Result]]


@dataclass(frozen=True, slots=True)
class UserLimit:
    """A limit of the study's own on an objective: the most of one to minimise, else the least."""

    objective: Objective
    limit: float

    @property
    def name(self) -> str:
        return f"{'max' if self.objective.direction == 'minimize' else 'min'}_{self.objective.name}"

    def violation(self, value: float) -> float:
        """value / limit - 1 of a maximum, 1 - value / limit of a minimum: met if <= 0."""
        excess = value / self.limit - 1.0
        return excess if self.objective.direction == "minimize" else -excess


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates a generation at a time, what costs nothing first.

    `planner` maps an architecture and a share of the DSPs to its plan and estimate; `limits` are
    the usable amounts of each resource, `bounds` the study's own limits.
    """

    objectives: tuple[Objective, ...]
    planner: Planner
    limits: Mapping[str, int]
    bounds: tuple[UserLimit, ...] = ()
    predictor: Predictor = UNCALIBRATED

    def __call__(self, proposals: Sequence[Proposal]) -> list[Result]:
        """One result a proposal, in order. Exceptions become Failures, interrupts do not."""
        planned = [self.planned(proposal) for proposal in proposals]
        candidates = [c for c in planned if isinstance(c, Candidate)]
        found = self.values(candidates, [o for o in self.wanted() if not isinstance(o, MODELLED)])
        rest = iter(zip(candidates, found, strict=True))
        return [
            self.evaluation(p, *next(rest)) if isinstance(c, Candidate) else c
            for p, c in zip(proposals, planned, strict=True)
        ]

    def wanted(self) -> list[Objective]:
        """Objectives, and those that are only bounded."""
        bounded = {bound.objective.name: bound.objective for bound in self.bounds}
        return list({**bounded, **{o.name: o for o in self.objectives}}.values())

    def planned(self, proposal: Proposal) -> Candidate | Infeasible | Failure:
        """The candidate, unless its plan alone breaks a limit."""
        try:
            plan, estimate = self.planner(proposal.architecture, proposal.dsp_share)
        except Exception as error:
            return failure("plan", error)
        predicted = self.predictor.predict(estimate)
        candidate = Candidate(proposal.architecture, plan, estimate, predicted)
        modelled = [b.objective for b in self.bounds if isinstance(b.objective, MODELLED)]
        (values,) = self.values([candidate], modelled)
        if isinstance(values, Failure):
            return values
        found = self.constraints(proposal, predicted, values)
        return Infeasible(found, estimate, predicted) if max(found.values()) > 0 else candidate

    def values(
        self, candidates: Sequence[Candidate], objectives: Sequence[Objective]
    ) -> list[dict[str, float] | Failure]:
        """Of each candidate, the values of `objectives` by name."""
        if not candidates:
            return []
        try:
            columns = {o.name: o.evaluate(candidates) for o in objectives}
            rows = [{n: float(c[i]) for n, c in columns.items()} for i in range(len(candidates))]
        except Exception as error:
            if len(candidates) == 1:
                return [failure("objective", error)]
        else:
            return [_finite(row) for row in rows]
        # One candidate must not fail its whole generation: find out which it is.
        return [self.values([candidate], objectives)[0] for candidate in candidates]

    def constraints(
        self, proposal: Proposal, predicted: Prediction, values: Mapping[str, float]
    ) -> dict[str, float]:
        """Of every resource, and of every bound whose value is known."""
        own = {
            b.name: b.violation(values[b.objective.name])
            for b in self.bounds
            if b.objective.name in values
        }
        return {**self._of_device(predicted, proposal), **own}

    def _of_device(self, predicted: Prediction, proposal: Proposal) -> dict[str, float]:
        share = proposal.dsp_share
        return constraints(predicted, self.limits, dsp_share=share, predictor=self.predictor)

    def evaluation(
        self, proposal: Proposal, candidate: Candidate, found: dict[str, float] | Failure
    ) -> Evaluation | Failure:
        """`found` are the values that are not modelled, by name."""
        told_by_plan = [o for o in self.wanted() if isinstance(o, MODELLED)]
        (modelled,) = self.values([candidate], told_by_plan)
        if isinstance(found, Failure):
            return found
        if isinstance(modelled, Failure):
            return modelled
        values = {**modelled, **found}
        return Evaluation(
            tuple(values[objective.name] for objective in self.objectives),
            self.constraints(proposal, candidate.predicted, values),
            candidate.estimate,
            candidate.predicted,
        )


def _finite(values: dict[str, float]) -> dict[str, float] | Failure:
    for name, value in values.items():
        if not math.isfinite(value):
            return Failure(f"objective {name} gave {value}")
    return values


def constraints(
    predicted: Prediction,
    limits: Mapping[str, int],
    *,
    dsp_share: float = 1.0,
    predictor: Predictor = UNCALIBRATED,
) -> dict[str, float]:
    """used / limit - 1 of every resource: comparable, since NSGA-II adds violations up.

    What is used is what `predictor` counts of the prediction. DSPs beyond the proposal's own share
    are a violation of that share; within it, they are compared with the device's limit, as the
    other resources are. Of a resource that the device lacks (limit 0), the amount used, so that
    none is feasible.
    """
    used = {name: predictor.counted(predicted[name]) for name in RESOURCES}
    budget = math.floor(dsp_share * limits["dsp"])
    ceilings = {**limits, "dsp": budget if used["dsp"] > budget else limits["dsp"]}
    return {
        name: used[name] / ceilings[name] - 1.0 if ceilings[name] else used[name]
        for name in RESOURCES
    }


def failure(where: str, error: Exception) -> Failure:
    """What an exception is to a trial."""
    text = "".join(traceback.format_exception(error))
    return Failure(f"{where}: {type(error).__name__}: {error}", text)
