"""Evaluation of proposals: plan, constraints and objective values, or the reason of a failure."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qnas.accel.cost.estimate import RESOURCES, Estimate
from qnas.accel.cost.prediction import UNCALIBRATED, Prediction, Predictor
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import EvaluationError, problem
from qnas.objectives.base import Candidate, Objective, SubnetSource
from qnas.objectives.hardware import MODELLED
from qnas.studies.search.genome import Proposal

Planner = Callable[[Architecture, float], tuple[HardwarePlan, Estimate]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of an evaluated proposal: one value per objective, in the study's order, and
    constraints by resource and limit, met if <= 0."""

    values: tuple[float, ...]
    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction
    wrong: str = ""  # with racing: one bit per image, set if misclassified


@dataclass(frozen=True, slots=True)
class EarlyStopped:
    """A proposal that is certain to be dominated after `errors` errors on `images` images.

    `bound` is the tuple of its objective values, with a lower bound in place of the error. The
    selection of parents uses `bound`; it is never the value of the trial.
    """

    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction
    images: int
    errors: int
    bound: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A proposal whose plan alone exceeds a limit, so that no image was evaluated."""

    constraints: Mapping[str, float]
    estimate: Estimate
    predicted: Prediction


@dataclass(frozen=True, slots=True)
class Failure:
    """A proposal that could not be evaluated, with the traceback if an exception was the reason.
    The trial has no values."""

    reason: str
    traceback: str = ""


Result = Evaluation | EarlyStopped | Infeasible | Failure
Evaluate = Callable[[Sequence[Proposal]], list[Result]]


@dataclass(frozen=True, slots=True)
class UserLimit:
    """A study's own limit on an objective: the largest value if it is minimised, else the
    smallest."""

    objective: Objective
    limit: float

    @property
    def name(self) -> str:
        return f"{'max' if self.objective.direction == 'minimize' else 'min'}_{self.objective.name}"

    def counted(self, value: float, predicted: Prediction, confidence: float) -> float:
        """The number that must keep the limit: with `confidence` the end of the interval of a
        predicted amount, else the value."""
        if not (confidence and isinstance(self.objective, MODELLED)):
            return value
        amount = predicted.amounts.get(self.objective.name)
        if amount is None:
            return value
        upper = self.objective.direction == "minimize"
        return amount.most(confidence) if upper else amount.least(confidence)

    def violation(self, value: float) -> float:
        """Relative violation, met if <= 0: value / limit - 1 of an upper limit, 1 - value / limit
        of a lower one."""
        excess = value / self.limit - 1.0
        return excess if self.objective.direction == "minimize" else -excess


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates a generation at a time, the modelled objectives before those that need images.

    `planner` maps an architecture and a share of the DSPs to a plan and its estimate; `limits` are
    the usable amounts of each resource, `bounds` the study's own limits; `source` gives objectives
    the subnets themselves.
    """

    objectives: tuple[Objective, ...]
    planner: Planner
    limits: Mapping[str, int]
    bounds: tuple[UserLimit, ...] = ()
    predictor: Predictor = UNCALIBRATED
    source: SubnetSource | None = None

    def __call__(self, proposals: Sequence[Proposal]) -> list[Result]:
        """Evaluate `proposals` and return one result each, in order. Exceptions and `sys.exit`
        become Failures, interrupts do not."""
        planned = [self.planned(proposal) for proposal in proposals]
        candidates = [c for c in planned if isinstance(c, Candidate)]
        found = self.values(candidates, [o for o in self.wanted() if not isinstance(o, MODELLED)])
        rest = iter(zip(candidates, found, strict=True))
        return [
            self.evaluation(p, *next(rest)) if isinstance(c, Candidate) else c
            for p, c in zip(proposals, planned, strict=True)
        ]

    def wanted(self) -> list[Objective]:
        """The objectives, and those that only have a limit."""
        bounded = {bound.objective.name: bound.objective for bound in self.bounds}
        return list({**bounded, **{o.name: o for o in self.objectives}}.values())

    def planned(self, proposal: Proposal) -> Candidate | Infeasible | Failure:
        """The candidate of a proposal; Infeasible if its plan alone exceeds a limit."""
        try:
            plan, estimate = self.planner(proposal.architecture, proposal.dsp_share)
        except Exception as error:
            return failure("plan", error)
        predicted = self.predictor.predict(estimate, [plan])
        candidate = Candidate(proposal.architecture, plan, estimate, predicted, self.source)
        modelled = [b.objective for b in self.bounds if isinstance(b.objective, MODELLED)]
        (values,) = self.values([candidate], modelled)
        if isinstance(values, Failure):
            return values
        found = self.constraints(proposal, predicted, values)
        return Infeasible(found, estimate, predicted) if max(found.values()) > 0 else candidate

    def values(
        self, candidates: Sequence[Candidate], objectives: Sequence[Objective]
    ) -> list[dict[str, float] | Failure]:
        """The values of `objectives` by name, for each candidate."""
        if not candidates:
            return []
        try:
            columns = {o.name: values_of(o, candidates) for o in objectives}
        except (Exception, SystemExit) as error:
            if len(candidates) == 1:
                return [failure("objective", error)]
        else:
            rows = zip(*columns.values(), strict=True) if columns else ((),) * len(candidates)
            return [_finite(dict(zip(columns, row, strict=True))) for row in rows]
        # One candidate must not fail its whole generation: evaluate one at a time to find it.
        return [self.values([candidate], objectives)[0] for candidate in candidates]

    def constraints(
        self, proposal: Proposal, predicted: Prediction, values: Mapping[str, float]
    ) -> dict[str, float]:
        """The constraint of every resource, and of every limit whose value is in `values`."""
        level = self.predictor.confidence
        own = {
            b.name: b.violation(b.counted(values[b.objective.name], predicted, level))
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
        """The result of a candidate; `found` has the values that are not modelled, by name."""
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


def values_of(objective: Objective, candidates: Sequence[Candidate]) -> list[float]:
    """An objective's values, one for each candidate.

    Raises EvaluationError for another number of values, which cannot be matched to candidates.
    """
    found = [float(value) for value in objective.evaluate(candidates)]
    if len(found) != len(candidates):
        raise EvaluationError(
            problem(
                f"objective {objective.name}",
                "must return one value for each candidate",
                f"{len(found)} values for {len(candidates)}",
                "Correct its `evaluate`.",
            )
        )
    return found


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
    """Compute used / limit - 1 of every resource, a relative number because NSGA-II adds up
    violations.

    With the predictor's confidence, the upper end of an amount counts as used. DSPs beyond the
    proposal's own share violate that share; within the share they are compared with the device's
    limit, as the other resources are. For a resource that the device lacks (limit 0) the constraint
    is the amount used, so that a plan that uses it is infeasible.
    """
    used = {name: predicted[name].most(predictor.confidence) for name in RESOURCES}
    budget = math.floor(dsp_share * limits["dsp"])
    ceilings = {**limits, "dsp": budget if used["dsp"] > budget else limits["dsp"]}
    return {
        name: used[name] / ceilings[name] - 1.0 if ceilings[name] else used[name]
        for name in RESOURCES
    }


def failure(where: str, error: Exception | SystemExit) -> Failure:
    """The Failure of an exception raised by `where`."""
    text = "".join(traceback.format_exception(error))
    return Failure(f"{where}: {type(error).__name__}: {error}", text)
