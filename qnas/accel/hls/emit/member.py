"""KernelNetwork: a network of a kernel, and what its project says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.plan.weight_stream import weight_files
from qnas.integer.network import IntegerNetwork


@dataclass(frozen=True, slots=True)
class Expected:
    """A number for the README: what, how much, and how it is known ("modelled")."""

    what: str
    value: str
    how: str


@dataclass(frozen=True, slots=True)
class KernelNetwork:
    """A network under its plan. The host may call it by its `label`; `expected` are numbers for the
    README."""

    network: IntegerNetwork
    plan: HardwarePlan
    label: str
    expected: Sequence[Expected] = ()


def data_folders(networks: int) -> tuple[str, ...]:
    """Where a project keeps the weights of each of its networks."""
    if networks == 1:
        return ("data",)
    return tuple(f"data/{index}" for index in range(networks))


def weights_of_members(members: Sequence[KernelNetwork]) -> list[dict[str, bytes]]:
    """`weight_files` of each network, in its folder of the project."""
    return [
        weight_files(member.network, member.plan, folder=folder)
        for member, folder in zip(members, data_folders(len(members)), strict=True)
    ]
