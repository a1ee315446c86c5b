"""Networks that share a kernel: the fields in which they and their plans must be equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qnas._util.serialization import encode, read_json
from qnas.accel.plan.check import first_difference
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem

# Fixed by the search space and compiled into the C++. All else is read from tables at run time.
ALIKE = (
    *("image_size", "patch_size", "in_channels", "num_classes"),
    *("head_dim", "activation_bits", "register_tokens"),
)


def check_alike(archs: Sequence[Architecture]) -> None:
    """Check that the networks can share a kernel.

    They may differ in embed_dim and in their blocks alone, as networks of one search space do.

    Raises:
        ConfigError: A field differs that must be equal.
    """
    if not archs:
        raise ConfigError(problem("archs", "must be at least one", 0, "Give some."))
    for name in ALIKE:
        values = sorted({getattr(arch, name) for arch in archs})
        if len(values) > 1:
            rule = "must be one of all networks that share a kernel"
            raise ConfigError(problem(name, rule, values, "Give networks of one space."))


def check_together(plans: Sequence[HardwarePlan]) -> None:
    """Check that the plans belong to one kernel: equal but for the stages of their own networks.

    Raises:
        ConfigError: The networks cannot share a kernel, or the plans differ; the message names the
            first field that differs from the first plan.
    """
    check_alike([plan.architecture for plan in plans])
    first = plans[0]
    for index, plan in enumerate(plans):
        shared = replace(
            plan, architecture=first.architecture, stages=first.stages, ports=first.ports
        )
        difference = first_difference(shared, first)
        if difference:
            field, got, wanted = difference
            rule = f"must be {wanted!r}, as in the first plan of the kernel"
            remedy = "Lower each network with room for the others."
            raise ConfigError(problem(f"{field} of network {index}", rule, repr(got), remedy))


def encode_plans(plans: Sequence[HardwarePlan]) -> Any:
    """Encode plans for plan.json: one plan as itself, several as a list."""
    return encode(plans[0] if len(plans) == 1 else list(plans))


def read_plans(path: Path) -> tuple[HardwarePlan, ...]:
    """Read the plans of a plan.json, in the order of their networks.

    Raises:
        CheckpointError: The file is not JSON.
        ConfigError: The content is not a plan; the message names the key.
    """
    data = read_json(path)
    plans = tuple(map(HardwarePlan.from_json, data if isinstance(data, list) else [data]))
    check_alike([plan.architecture for plan in plans])
    return plans
