"""Where the array is idle: the cause of every product that it could make and does not; and 8-bit
rows that cost no time, since a row tile has slots to spare and the array takes it as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.coefficients import STAGE_CYCLES
from qnas.accel.device import Device
from qnas.accel.plan.lower import lower
from qnas.accel.plan.placement import placement_of
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.architecture import EIGHTHS, Architecture, W8Shares

AT_WORK = "at work"
# Causes of stages without products, by their kind.
OWN_CAUSE = {
    "load_patches": "image and position",
    "load_residual": "image and position",
    "layer_norm": "norms",
    "softmax": "softmax",
}
LOADING, DRAINING, TILES, FILLS = "weights not there", "draining", "tiles not full", "fills"


def array_shares(plan: HardwarePlan) -> Mapping[str, float]:
    """Divide the array's products over a pass's cycles: those at work, and idle ones by cause.

    "weights not there" counts tables, the first row tile of a product, waits for further ones and
    logits that leave; "tiles not full" counts rows, tokens and inputs of tiles beyond the
    operands'; "draining" the iterations that a tile takes beyond its beats. Each share is of all
    products that the array could make; the shares add up to 1.
    """
    lanes, batch = plan.folding.atoms_per_cycle, plan.folding.batch
    found: Counter[str] = Counter()
    for stage in plan.stages:
        found[FILLS] += lanes * (STAGE_CYCLES + sum(loop.fill_cycles for loop in stage.loops))
        for cause, products in _products(stage, lanes, batch):
            found[cause] += products
    total = sum(found.values())
    return {cause: count / total for cause, count in found.most_common() if count}


def _products(stage: Stage, lanes: int, batch: int) -> Iterator[tuple[str, int]]:
    if stage.kind != "gemm":
        yield OWN_CAUSE[stage.kind], lanes * stage.loop_cycles
        return
    tiles = stage.row_tiles * stage.token_tiles * batch
    made, atoms = tiles * stage.beats, stage.slots * stage.tokens * stage.inner * batch
    flush = sum(loop.trips for loop in stage.loops if loop.name == "flush")
    draining = tiles * (stage.tile_steps - stage.beats) + flush
    yield AT_WORK, atoms
    yield TILES, lanes * made - atoms
    yield DRAINING, lanes * draining
    yield LOADING, lanes * (stage.loop_cycles - made - draining)


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
                raised = arch.with_share(index, name, share)
                placed = lower(raised, device, plan.folding, placement=placement_of(plan))
                if estimate(placed).cycles > most:
                    break
                arch = raised
    return arch
