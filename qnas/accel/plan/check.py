"""check_plan: refuse a plan that PLAN.md does not allow.

A plan is a function of architecture, device, folding, placement of its buffers and the networks
that its kernel has room for, so the specification is `lower` itself: lowering once more must give
the very plan. Whether it fits the device is the cost model's say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from qnas.accel.device import Device
from qnas.accel.plan.lower import lower
from qnas.accel.plan.placement import placement_of
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem


def check_plan(
    plan: HardwarePlan, device: Device, *, share_with: Sequence[Architecture] = ()
) -> None:
    """ConfigError naming the first field that differs from what PLAN.md says; CapacityError and
    ConfigError as `lower` for a network or folding that has no plan at all. `room`: the other
    networks of its kernel."""
    placement = placement_of(plan)
    again = lower(
        plan.architecture, device, plan.folding, placement=placement, share_with=share_with
    )
    difference = first_difference(plan, again)
    if difference is None:
        return
    field, got, expected = difference
    rule = f"must be {expected!r} for this architecture, folding and device"
    raise ConfigError(problem(field, rule, repr(got), "Do not edit plans: lower them again."))


def first_difference(plan: HardwarePlan, expected: HardwarePlan) -> tuple[str, Any, Any] | None:
    """(field, value in `plan`, value in `expected`) in field order; None if the plans are equal.

    Items of a list are called by their name: `plan.stages[block0.q].loops[tiles].trips`.
    """
    return _difference("plan", plan, expected)


def _difference(path: str, got: Any, expected: Any) -> tuple[str, Any, Any] | None:
    if got == expected and type(got) is type(expected):
        return None
    if type(got) is not type(expected):
        return path, got, expected
    if isinstance(got, tuple):
        return _difference_of_items(path, got, expected)
    if not dataclasses.is_dataclass(got):
        return path, got, expected
    for field in dataclasses.fields(got):
        ours, theirs = getattr(got, field.name), getattr(expected, field.name)
        found = _difference(f"{path}.{field.name}", ours, theirs)
        if found:
            return found
    return None


def _difference_of_items(
    path: str, got: tuple[Any, ...], expected: tuple[Any, ...]
) -> tuple[str, Any, Any] | None:
    for index, (ours, theirs) in enumerate(zip(got, expected, strict=False)):
        name = getattr(theirs, "name", index)
        found = _difference(f"{path}[{name}]", ours, theirs)
        if found:
            return found
    if len(got) != len(expected):
        return f"number of {path}", len(got), len(expected)
    return None
