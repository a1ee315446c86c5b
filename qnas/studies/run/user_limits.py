"""Checks, from plans alone, whether the study's own limits can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qnas.accel.cost.prediction import Predictor
from qnas.accel.device import Device
from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError
from qnas.objectives.base import Candidate
from qnas.studies.search.evaluation import UserLimit, constraints, values_of

CLOSE = 0.1  # a subnet between the tried ones may come nearer to a limit by this much


@dataclass(frozen=True, slots=True)
class LimitReach:
    """The best value found of a limited objective. `violation` is relative to the limit: 0 or less
    if the limit is kept, 1.0 if it is missed by its own size."""

    limit: UserLimit
    best: float
    violation: float

    @property
    def is_out_of_reach(self) -> bool:
        return self.violation > CLOSE


@dataclass(frozen=True, slots=True)
class LimitReaches:
    """How near the tried subnets come to each limit alone, and to all limits at once."""

    each: tuple[LimitReach, ...] = ()
    at_once: tuple[LimitReach, ...] = ()

    @property
    def violation(self) -> float:
        """The worst of all limits at once."""
        return max((reach.violation for reach in self.at_once), default=0.0)


def reach_limits(
    limits: Sequence[UserLimit],
    archs: Sequence[Architecture],
    device: Device,
    *,
    dsp_shares: Sequence[float],
    batch: int,
    predictor: Predictor,
) -> LimitReaches:
    """Try `archs` at every share of the DSPs, until one keeps all `limits` on modelled
    objectives."""
    best: dict[str, LimitReach] = {}
    at_once: tuple[LimitReach, ...] = ()
    for arch in archs if limits else ():
        for share in dsp_shares:
            candidate = _candidate(arch, device, share, batch, predictor)
            if candidate is None:
                continue
            found = tuple(_reach(limit, candidate, predictor.confidence) for limit in limits)
            for reach in found:
                known = best.setdefault(reach.limit.name, reach)
                best[reach.limit.name] = min(known, reach, key=lambda r: r.violation)
            at_once = min(filter(None, (at_once, found)), key=_worst)
            if _worst(at_once) <= 0:
                return LimitReaches(tuple(best.values()), at_once)
    return LimitReaches(tuple(best.values()), at_once)


def _reach(limit: UserLimit, candidate: Candidate, confidence: float) -> LimitReach:
    (value,) = values_of(limit.objective, [candidate])
    value = limit.counted(value, candidate.predicted, confidence)
    return LimitReach(limit, value, limit.violation(value))


def _worst(reaches: tuple[LimitReach, ...]) -> float:
    return max(reach.violation for reach in reaches)


def _candidate(
    arch: Architecture, device: Device, share: float, batch: int, predictor: Predictor
) -> Candidate | None:
    """The candidate that a search would evaluate; None if its plan does not fit the device."""
    try:
        plan, estimate = best_plan(arch, device, share, batch=batch, predictor=predictor)
    except (CapacityError, ConfigError):
        return None
    limits = {str(name): limit for name, limit in device.limits().items()}
    predicted = predictor.predict(estimate, [plan])
    found = constraints(predicted, limits, dsp_share=share, predictor=predictor)
    return Candidate(arch, plan, estimate, predicted) if max(found.values()) <= 0 else None
