"""Networks that share a kernel: what must be equal in all of them, and in their plans."""

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

# What one space fixes: the C++ is compiled for it. All else is read from tables at run time.
ALIKE = (
    *("image_size", "patch_size", "in_channels", "num_classes"),
    *("head_dim", "activation_bits"),
)


def check_alike(archs: Sequence[Architecture]) -> None:
    """ConfigError unless the networks can share a kernel: they differ in embed_dim and blocks
    alone, as those of one search space do."""
    if not archs:
        raise ConfigError(problem("archs", "must be at least one", 0, "Give some."))
    for name in ALIKE:
        values = sorted({getattr(arch, name) for arch in archs})
        if len(values) > 1:
            rule = "must be one of all networks that share a kernel"
            raise ConfigError(problem(name, rule, values, "Give networks of one space."))


def check_together(plans: Sequence[HardwarePlan]) -> None:
    """ConfigError unless the plans are of one kernel: of networks that can share it, equal but for
    what each network runs. Names the first field that differs from the first plan's."""
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
    """What plan.json of a project holds: the plan, or of several networks a list of theirs."""
    return encode(plans[0] if len(plans) == 1 else list(plans))


def read_plans(path: Path) -> tuple[HardwarePlan, ...]:
    """The plans of a plan.json, in the order of their networks. Raises CheckpointError for a file
    that is no JSON, ConfigError naming the key at fault."""
    data = read_json(path)
    plans = tuple(map(HardwarePlan.from_json, data if isinstance(data, list) else [data]))
    check_alike([plan.architecture for plan in plans])
    return plans
