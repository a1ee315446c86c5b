"""8-bit rows that cost no time: a row tile has slots to spare, and the array takes it as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

from qnas.accel.cost.analytic import estimate
from qnas.accel.device import Device
from qnas.accel.plan.lower import lower
from qnas.accel.plan.placement import placement_of
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import EIGHTHS, Architecture, W8Shares


def with_free_rows(
    plan: HardwarePlan, device: Device, *, choices: Sequence[int] = range(EIGHTHS + 1)
) -> Architecture:
    """Raise the shares of 8-bit rows of a plan's blocks as far as its cycles stay equal.

    Matrix by matrix in the network's order, each to the next of `choices` (eighths) and on, under
    the plan's folding and placement. The memories and lanes of a plan do not depend on shares; the
    weight stream grows, which its ports sustain.
    """
    most, arch = estimate(plan).cycles, plan.architecture
    for index in range(arch.depth):
        for name in (field.name for field in fields(W8Shares)):
            now = getattr(arch.blocks[index].w8, name)
            for share in (choice for choice in sorted(choices) if choice > now):
                raised = _with_share(arch, index, name, share)
                placed = lower(raised, device, plan.folding, placement=placement_of(plan))
                if estimate(placed).cycles > most:
                    break
                arch = raised
    return arch


def _with_share(arch: Architecture, index: int, name: str, share: int) -> Architecture:
    block = arch.blocks[index]
    changed = replace(block, w8=replace(block.w8, **{name: share}))
    return replace(arch, blocks=(*arch.blocks[:index], changed, *arch.blocks[index + 1 :]))
