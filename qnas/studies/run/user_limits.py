"""Whether the limits that a study sets itself can be kept, as far as plans alone tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qnas.accel.cost.prediction import Predictor
from qnas.accel.device import Device
from qnas.accel.folding_search.search import best_plan
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError
from qnas.objectives.base import Candidate
from qnas.studies.search.evaluation import UserLimit, constraints

CLOSE = 0.1  # a subnet between those that are tried may come nearer by as much


@dataclass(frozen=True, slots=True)
class LimitReach:
    """The best that is found of a limited objective: `violation` is 0 or less where the limit is
    kept, 1.0 where it is missed by as much as it is."""

    limit: UserLimit
    best: float
    violation: float

    @property
    def is_out_of_reach(self) -> bool:
        return self.violation > CLOSE


@dataclass(frozen=True, slots=True)
class LimitReaches:
    """How near the subnets that were tried come to each limit, and whether one keeps them all."""

    each: tuple[LimitReach, ...] = ()
    together: bool = True


def reach_limits(
    limits: Sequence[UserLimit],
    archs: Sequence[Architecture],
    device: Device,
    *,
    dsp_shares: Sequence[float],
    predictor: Predictor,
) -> LimitReaches:
    """`archs` at every share of the DSPs, until one keeps all `limits` on modelled objectives."""
    best: dict[str, float] = {}
    for arch in archs if limits else ():
        for share in dsp_shares:
            candidate = _candidate(arch, device, share, predictor)
            if candidate is None:
                continue
            values = {limit.name: limit.objective.evaluate([candidate])[0] for limit in limits}
            for limit in limits:
                known = best.get(limit.name)
                if known is None or limit.violation(values[limit.name]) < limit.violation(known):
                    best[limit.name] = values[limit.name]
            if all(limit.violation(values[limit.name]) <= 0 for limit in limits):
                return LimitReaches(_reaches(limits, best))
    return LimitReaches(_reaches(limits, best), together=not best)


def _reaches(limits: Sequence[UserLimit], best: Mapping[str, float]) -> tuple[LimitReach, ...]:
    return tuple(
        LimitReach(limit, best[limit.name], limit.violation(best[limit.name]))
        for limit in limits
        if limit.name in best
    )


def _candidate(
    arch: Architecture, device: Device, share: float, predictor: Predictor
) -> Candidate | None:
    """The plan that a search would find; None of one that does not fit the device."""
    try:
        plan, estimate = best_plan(arch, device, share, predictor=predictor)
    except (CapacityError, ConfigError):
        return None
    limits = {str(name): limit for name, limit in device.limits().items()}
    predicted = predictor.predict(estimate)
    found = constraints(predicted, limits, dsp_share=share, predictor=predictor)
    return Candidate(arch, plan, estimate, predicted) if max(found.values()) <= 0 else None
