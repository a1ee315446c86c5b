"""Evaluation of proposals: plan, constraints, objective values; or the reason why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qnas.accel.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.objectives.base import Candidate, Objective
from qnas.objectives.cost.estimate import RESOURCES, Estimate
from qnas.studies.genome import Proposal

Planner = Callable[[Architecture, float], tuple[HardwarePlan, Estimate]]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One value an objective, in the study's order; one constraint a resource, met if <= 0."""

    values: tuple[float, ...]
    constraints: Mapping[str, float]
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Failure:
    """A proposal that could not be evaluated. Nothing stands in for its values."""

    reason: str


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates a generation at a time.

    `planner` maps an architecture and a share of the DSPs to its plan and estimate; `limits` are
    the usable amounts of each resource.
    """

    objectives: tuple[Objective, ...]
    planner: Planner
    limits: Mapping[str, int]

    def __call__(self, proposals: Sequence[Proposal]) -> list[Evaluation | Failure]:
        """One result a proposal, in order. Exceptions become Failures, interrupts do not."""
        planned = [self._candidate(proposal) for proposal in proposals]
        candidates = [c for c in planned if isinstance(c, Candidate)]
        results = iter(self._evaluate(candidates))
        return [next(results) if isinstance(c, Candidate) else c for c in planned]

    def _candidate(self, proposal: Proposal) -> Candidate | Failure:
        try:
            plan, estimate = self.planner(proposal.architecture, proposal.dsp_share)
        except Exception as error:
            return _failure("plan", error)
        return Candidate(proposal.architecture, plan, estimate)

    def _evaluate(self, candidates: Sequence[Candidate]) -> list[Evaluation | Failure]:
        if not candidates:
            return []
        try:
            columns = [objective.evaluate(candidates) for objective in self.objectives]
        except Exception as error:
            if len(candidates) == 1:
                return [_failure("objective", error)]
            # One candidate must not fail its whole generation: find out which it is.
            return [self._evaluate([candidate])[0] for candidate in candidates]
        rows = zip(*columns, strict=True)
        return [self._result(c, row) for c, row in zip(candidates, rows, strict=True)]

    def _result(self, candidate: Candidate, row: tuple[float, ...]) -> Evaluation | Failure:
        for objective, value in zip(self.objectives, row, strict=True):
            if not math.isfinite(value):
                return Failure(f"objective {objective.name} gave {value}")
        return Evaluation(
            tuple(map(float, row)), constraints(candidate.estimate, self.limits), candidate.estimate
        )


def constraints(estimate: Estimate, limits: Mapping[str, int]) -> dict[str, float]:
    """used / limit - 1 of every resource: comparable, since NSGA-II adds violations up.

    Of a resource that the device lacks (limit 0), the amount used, so that none is feasible.
    """
    used = {name: getattr(estimate.resources, name) for name in RESOURCES}
    return {
        name: used[name] / limits[name] - 1.0 if limits[name] else float(used[name])
        for name in RESOURCES
    }


def _failure(where: str, error: Exception) -> Failure:
    return Failure(f"{where}: {type(error).__name__}: {error}")
