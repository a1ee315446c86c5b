"""Where the array is idle: the cause of every product that it could make and does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from qnas.accel.cost.coefficients import STAGE_CYCLES
from qnas.accel.plan.plan import HardwarePlan, Stage

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
