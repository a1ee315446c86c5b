"""check_plan: refuse a plan that differs from what PLAN.md specifies.

A plan is a function of its architecture, device, folding, buffer placement and the networks that
share its kernel. The specification is therefore `lower` itself: lowering the same inputs again
must give an equal plan. Whether a plan fits its device is decided by the cost model.
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
    """Check that `plan` is the plan that PLAN.md specifies for its own inputs.

    Args:
        plan: The plan to check.
        device: The device that the plan was made for.
        share_with: The other networks of the same kernel.

    Raises:
        ConfigError: A field differs from the specification (the first one is named), or the
            folding breaks a rule of `lower`.
        CapacityError: The number formats cannot hold the network.
    """
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
    """Find the first field, in field order, in which two plans differ.

    Items of a list are called by their name: `plan.stages[block0.q].loops[tiles].trips`.

    Returns:
        (field, value in `plan`, value in `expected`); None if the plans are equal.
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
