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
        rows = iter(self._values(candidates))
        return [
            self._result(proposal, c, next(rows)) if isinstance(c, Candidate) else c
            for proposal, c in zip(proposals, planned, strict=True)
        ]

    def _candidate(self, proposal: Proposal) -> Candidate | Failure:
        try:
            plan, estimate = self.planner(proposal.architecture, proposal.dsp_share)
        except Exception as error:
            return _failure("plan", error)
        return Candidate(proposal.architecture, plan, estimate)

    def _values(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...] | Failure]:
        """Of each candidate, the value of every objective."""
        if not candidates:
            return []
        try:
            columns = [objective.evaluate(candidates) for objective in self.objectives]
        except Exception as error:
            if len(candidates) == 1:
                return [_failure("objective", error)]
            # One candidate must not fail its whole generation: find out which it is.
            return [self._values([candidate])[0] for candidate in candidates]
        return list(zip(*columns, strict=True))

    def _result(
        self, proposal: Proposal, candidate: Candidate, row: tuple[float, ...] | Failure
    ) -> Evaluation | Failure:
        if isinstance(row, Failure):
            return row
        for objective, value in zip(self.objectives, row, strict=True):
            if not math.isfinite(value):
                return Failure(f"objective {objective.name} gave {value}")
        found = constraints(candidate.estimate, self.limits, dsp_share=proposal.dsp_share)
        return Evaluation(tuple(map(float, row)), found, candidate.estimate)


def constraints(
    estimate: Estimate, limits: Mapping[str, int], *, dsp_share: float = 1.0
) -> dict[str, float]:
    """used / limit - 1 of every resource: comparable, since NSGA-II adds violations up.

    DSPs beyond the proposal's own share are a violation of that share; within it, they are
    compared with the device's limit, as the other resources are. Of a resource that the device
    lacks (limit 0), the amount used, so that none is feasible.
    """
    used = {name: getattr(estimate.resources, name) for name in RESOURCES}
    budget = math.floor(dsp_share * limits["dsp"])
    ceilings = {**limits, "dsp": budget if used["dsp"] > budget else limits["dsp"]}
    return {
        name: used[name] / ceilings[name] - 1.0 if ceilings[name] else float(used[name])
        for name in RESOURCES
    }


def _failure(where: str, error: Exception) -> Failure:
    return Failure(f"{where}: {type(error).__name__}: {error}")
