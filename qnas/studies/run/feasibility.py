"""Checks from the space's smallest, middle and largest subnet whether a study can be satisfied,
before training and without importing torch or optuna.

Cost grows with every elastic dimension of a space: limits that the smallest subnet exceeds on a
device, every subnet exceeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from qnas._util.units import plain_number
from qnas.accel.cost.estimate import Estimate
from qnas.accel.cost.prediction import Prediction, Predictor
from qnas.accel.device import RESOURCES, Device, Resource, device_names, load_device
from qnas.accel.folding_search.search import best_plan, speedups_without_limits
from qnas.accel.plan.folding import Folding
from qnas.architecture import Architecture
from qnas.errors import CapacityError, ConfigError, QnasError, problem
from qnas.objectives.hardware import FpsObjective
from qnas.objectives.registry import modelled_objective
from qnas.studies.config import Study
from qnas.studies.run.calibration import make_predictor
from qnas.studies.run.user_limits import CLOSE, LimitReach, LimitReaches, reach_limits
from qnas.studies.search.evaluation import UserLimit

REFERENCE_NAMES = ("smallest", "middle", "largest")
WORTH_NAMING = 1.02  # speedup without its limit from which a resource counts as binding


@dataclass(frozen=True, slots=True)
class ReferenceSubnet:
    """One subnet at its fastest folding on the device.

    Attributes:
        name: "smallest", "middle" or "largest".
        architecture: The subnet.
        folding: The fastest folding within the limits, or without one the folding that exceeds
            them least; None if the subnet has no plan at all.
        estimate: The estimate of `folding`.
        limits: The device's limits by resource.
        speedups: By resource, how many times as fast the subnet would be without that one limit.
        predicted: The prediction of `folding`; None if the subnet has no plan at all.
        confidence: That with which limits and targets are kept; 0: predicted values count.
        refusal: The reason why the subnet has no plan at all; "" if it has one.
    """

    name: str
    architecture: Architecture
    folding: Folding | None
    estimate: Estimate | None
    limits: Mapping[Resource, int]
    speedups: Mapping[Resource, float]
    predicted: Prediction | None = None
    confidence: float = 0.0
    refusal: str = ""

    @property
    def over(self) -> tuple[Resource, ...]:
        """The resources whose limits the subnet exceeds, the worst first."""
        found = [r for r in RESOURCES if self.used(r) > self.limits[r]]
        return tuple(sorted(found, key=lambda r: -self.used(r) / max(self.limits[r], 1)))

    @property
    def fits(self) -> bool:
        """Whether there is a plan within every limit."""
        return self.estimate is not None and not self.over

    @property
    def binding(self) -> tuple[Resource, ...]:
        """The resources whose limits keep the subnet from being faster, the tightest first; empty
        if no limit of the board does."""
        if not self.fits:
            return self.over
        found = [r for r, speedup in self.speedups.items() if speedup >= WORTH_NAMING]
        return tuple(sorted(found, key=lambda r: -self.speedups[r]))

    def used(self, resource: Resource) -> float:
        """The amount compared with the limit: the prediction, or with confidence its upper end."""
        return self.predicted[resource].most(self.confidence) if self.predicted else 0.0

    @property
    def fps(self) -> float:
        """Images per second, predicted, or with confidence the lower end; 0 without a plan."""
        return self.predicted["fps"].least(self.confidence) if self.predicted else 0.0

    def reaches(self, fps: float) -> bool:
        """Whether the subnet fits and makes so many images per second."""
        return self.fits and self.fps >= fps


@dataclass(frozen=True, slots=True)
class Feasibility:
    """The outcome of `assess`: a study's reference subnets on its device."""

    config: Study
    device: Device
    reference_subnets: tuple[ReferenceSubnet, ...]
    limits: LimitReaches = field(default_factory=LimitReaches)

    def reaching(self, target: int) -> tuple[str, ...]:
        """Names of the reference subnets that reach `target` images per second."""
        return tuple(subnet.name for subnet in self.reference_subnets if subnet.reaches(target))

    def require(self) -> None:
        """Raise an error, with a remedy, if the study cannot be satisfied.

        Raises:
            CapacityError: No subnet fits, or a target or limit is out of reach.
        """
        smallest = self.reference_subnets[0]
        if not any(subnet.fits for subnet in self.reference_subnets):
            raise CapacityError(_misfit(self.config, smallest, self.device))
        missed = [t for t in self.config.fps_targets if not self.reaching(t)]
        if missed:
            raise CapacityError(_too_slow(self, max(missed)))
        for reach in self.limits.each:
            if reach.is_out_of_reach:
                raise CapacityError(_beyond(reach))
        if self.limits.violation > CLOSE:
            raise CapacityError(_apart(self.limits.at_once))

    def remarks(self) -> tuple[str, ...]:
        """Remarks on a study that can be satisfied, one sentence each."""
        lines = []
        for subnet in self.reference_subnets:
            if not subnet.fits:
                what = subnet.refusal or f"exceeds {_amounts(subnet)}"
                lines.append(
                    f"The {subnet.name} subnet does not fit: {what}. The search drops such."
                )
        for target in self.config.fps_targets:
            if self.reaching(target) == REFERENCE_NAMES[:1]:
                lines.append(
                    f"{target:,} FPS: of the three, the smallest alone makes it; expect few."
                )
        missed = [reach for reach in self.limits.each if reach.violation > 0]
        for reach in missed:
            lines.append(
                f"limits.{reach.limit.objective.name}: of the three, none keeps it;"
                f" the nearest has {_value(reach)}."
            )
        if not missed and self.limits.violation > 0:
            lines.append(
                "limits: of the three, none keeps all at once; the nearest has"
                f" {_values(self.limits.at_once)}."
            )
        return tuple(lines)


def assess(config: Study) -> Feasibility:
    """Plan the reference subnets of the study's space on its device, and estimate their cost."""
    space, device = config.search_space(), config.board()
    share, batch = config.search.dsp_shares[-1], config.search.batch
    predictor = make_predictor(config, device)
    subnets = zip(REFERENCE_NAMES, space.reference_subnets(), strict=True)
    reference_subnets = tuple(
        _reference_subnet(name, arch, device, share, batch=batch, predictor=predictor)
        for name, arch in subnets
    )
    bounds = [
        UserLimit(objective, limit)
        for name, limit in config.limit_values.items()
        if (objective := modelled_objective(name, device))
    ]
    if bounds and config.fps_targets:
        bounds.append(UserLimit(FpsObjective(), max(config.fps_targets)))
    reaches = reach_limits(
        bounds,
        [subnet.architecture for subnet in reference_subnets],
        device,
        dsp_shares=config.search.dsp_shares[::-1],
        batch=batch,
        predictor=predictor,
    )
    return Feasibility(config, device, reference_subnets, reaches)


def _reference_subnet(
    name: str, arch: Architecture, device: Device, share: float, *, batch: int, predictor: Predictor
) -> ReferenceSubnet:
    limits = device.limits()
    limits = {**limits, "dsp": math.floor(share * limits["dsp"])}
    try:
        plan, estimate, speedups = speedups_without_limits(
            arch, device, share, batch=batch, predictor=predictor
        )
    except (CapacityError, ConfigError) as error:
        return ReferenceSubnet(name, arch, None, None, limits, {}, refusal=str(error))
    predicted, level = predictor.predict(estimate, [plan]), predictor.confidence
    return ReferenceSubnet(name, arch, plan.folding, estimate, limits, speedups, predicted, level)


def _misfit(config: Study, smallest: ReferenceSubnet, device: Device) -> str:
    rule = f"must hold a subnet of the space on `{device.name}`"
    if smallest.estimate is None:
        return problem("space", rule, f"a smallest one without a plan: {smallest.refusal}", "")
    worst = smallest.over[0]
    boards = _boards(config, smallest.architecture, lambda predicted: True)
    remedy = (
        f"{boards} Otherwise raise `margins.{worst}` in the device file, if the board has room,"
        " or give the space smaller choices."
    )
    return problem("device", rule, f"a smallest one that needs {_amounts(smallest)}", remedy)


def _too_slow(found: Feasibility, target: int) -> str:
    best = max((c for c in found.reference_subnets if c.fits), key=lambda c: c.fps)
    fps, device = best.fps, found.device
    level = found.config.confidence
    boards = _boards(
        found.config, best.architecture, lambda predicted: predicted["fps"].least(level) >= target
    )
    remedy = (
        f"The {best.name} subnet makes {fps:,.0f} FPS on `{device.name}` at"
        f" {device.clock_mhz:g} MHz; {limiting(best)} Choose at most {math.floor(fps)}. {boards}"
    )
    if found.config.search.dsp_shares[-1] < 1 and "dsp" in best.binding:
        remedy += " Or add 1.0 to `search.dsp_shares`."
    rule = "must be reached by some subnet of the space"
    return problem("fps_targets", rule, target, remedy.strip())


def _beyond(reach: LimitReach) -> str:
    limited = reach.limit.objective
    rule = "must be kept by some subnet of the space on the device"
    most = limited.direction == "minimize"
    remedy = (
        f"Of the smallest, the middle and the largest, at every share of the DSPs, the best has"
        f" {_value(reach)}. {'Raise' if most else 'Lower'} the limit."
    )
    return problem(f"limits.{limited.name}", rule, plain_number(reach.limit.limit), remedy)


def _apart(reaches: tuple[LimitReach, ...]) -> str:
    asked = ", ".join(f"{r.limit.name} = {plain_number(r.limit.limit)}" for r in reaches)
    remedy = (
        "Of the smallest, the middle and the largest, at every share of the DSPs, the nearest has"
        f" {_values(reaches)}. Relax one."
    )
    rule = "must be kept together, with the highest FPS target, by some subnet on the device"
    return problem("limits", rule, asked, remedy)


def _values(reaches: tuple[LimitReach, ...]) -> str:
    return ", ".join(map(_value, reaches))


def _value(reach: LimitReach) -> str:
    return f"{plain_number(reach.best)} {reach.limit.objective.unit}"


def limiting(subnet: ReferenceSubnet) -> str:
    """A sentence on what keeps a subnet that fits from being faster."""
    if not subnet.binding:
        return "no resource of the board binds, but the network's own loops."
    names = [f"{r.upper()} ({subnet.speedups[r]:.2f}x without its limit)" for r in subnet.binding]
    return f"what binds is {', '.join(names)}."


def _amounts(subnet: ReferenceSubnet) -> str:
    return ", ".join(
        f"{subnet.used(r):,.0f} {r.upper()} of {subnet.limits[r]:,} usable" for r in subnet.over
    )


def _boards(config: Study, arch: Architecture, serves: Callable[[Prediction], bool]) -> str:
    """A sentence naming the shipped boards that `arch` fits with a prediction that `serves`."""
    names = [name for name in device_names() if _holds(config, load_device(name), arch, serves)]
    return f"Boards that do it: {', '.join(names)}." if names else "No board of qnas does it."


def _holds(
    config: Study, device: Device, arch: Architecture, serves: Callable[[Prediction], bool]
) -> bool:
    try:
        predictor = make_predictor(config, device)
        plan, estimate = best_plan(arch, device, batch=config.search.batch, predictor=predictor)
    except QnasError:  # the study's calibration may be another board's
        return False
    predicted, level = predictor.predict(estimate, [plan]), predictor.confidence
    fits = all(predicted[r].most(level) <= n for r, n in device.limits().items())
    return fits and serves(predicted)
