"""The clocks of a pass through the kernel as RTL, stage by stage: the loops of the plan and the
fills of its own pipelines, for a memory that brings a word a clock. A simulation counts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from qnas._util.units import ceil_div
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.accel.plan.ports import MEMORY_LATENCY_CYCLES
from qnas.accel.rtl.kernel.package import ROW_PARAM_TILES, clocks, is_series7

# Clocks between what is done in one unit and what is seen of it in another; each is the number of
# registers on the way.
STARTED = 1  # a unit's first clock, behind that of its start
SEEN = 1  # a stage is done: the clock behind the unit's last one
BETWEEN = 1  # from there to the start of the next stage
NEXT_PASS = 1  # its first stage is fetched
BESIDE = 3  # from the start of a softmax to that of the products beside it
VECTORS = 8  # softmax: reads of memory, queues and writes, beside its arithmetic
TURNED = 1  # LayerNorm: its reads go the way of the residual adder's besides
WRITES = {"load_patches": 1, "load_residual": 3}
STORED = 6  # logits: the port's address and its answer's start
BURST = 2  # of the logits' port, beyond the first one
OVERLAP = 1  # of the first words' way with the fetch of the first stage


def cycles_of_pass(plan: HardwarePlan) -> int:
    """Of a pass behind the first one of a call, whose words are there when they are wanted."""
    steps = (list(group) for _, group in groupby(plan.stages, lambda stage: stage.step))
    return NEXT_PASS + sum(_step(plan, stages) + BETWEEN for stages in steps)


def cycles_of_first_pass(plan: HardwarePlan, *, latency_cycles: int = MEMORY_LATENCY_CYCLES) -> int:
    """Of the first pass of a call, up to memory's answer to its logits: its first words and that
    answer take the memory's latency each."""
    return cycles_of_pass(plan) + 2 * latency_cycles - OVERLAP


def _step(plan: HardwarePlan, stages: Sequence[Stage]) -> int:
    """A softmax goes on beside the products that follow it."""
    softmaxes = [stage for stage in stages if stage.kind == "softmax"]
    others = [stage for stage in stages if stage.kind != "softmax"]
    products = sum(stage_cycles(plan, stage) + BETWEEN for stage in others) - BETWEEN
    if not softmaxes:
        return products
    own = stage_cycles(plan, softmaxes[0])
    return max(own, BESIDE + products) if others else own


def stage_cycles(plan: HardwarePlan, stage: Stage) -> int:
    """From the start of a stage to the clock in which it is seen to be done."""
    match stage.kind:
        case "load_patches" | "load_residual":
            # And the writes behind the last word.
            return STARTED + stage.loop_cycles + WRITES[stage.kind] + SEEN
        case "layer_norm":
            return _layer_norm(plan, stage)
        case "softmax":
            return _softmax(plan, stage)
        case _:
            return _gemm(plan, stage)


def _levels(count: int) -> int:
    return (count - 1).bit_length()


def _layer_norm(plan: HardwarePlan, stage: Stage) -> int:
    f, series7 = plan.folding, is_series7(plan)
    parameters = next(loop.trips for loop in stage.loops if loop.name == "parameters")
    vectors = ceil_div(stage.rows, f.vl)
    tree = (_levels(f.vl) + 1) // 2
    squares, mean = 3 + tree + 1, (7 if series7 else 5) + 1
    results = 12 + (5 if series7 else 3)
    fill = squares + mean + clocks(plan)["RSQRT_CLOCKS"] + results + VECTORS + TURNED
    return parameters + (f.batch * stage.tokens + 1) * vectors + fill


def _softmax(plan: HardwarePlan, stage: Stage) -> int:
    f = plan.folding
    levels, vectors = _levels(f.vl), ceil_div(stage.inner, f.vl)
    results, tree = 9, (levels + 1) // 2
    fill = levels + 1 + results + tree + 1 + clocks(plan)["ROW_SCALE_CLOCKS"] + VECTORS
    return (f.batch * stage.tokens + 1) * vectors + fill


def _gemm(plan: HardwarePlan, stage: Stage) -> int:
    own = clocks(plan)
    array, drained = own["ARRAY_CLOCKS"], 3 + own["REQUANTIZE_CLOCKS"] + 4
    last_drained = list(_drained(plan, stage, array))[-1]
    tail = 5 if stage.dst == "scores" else drained
    done = last_drained + tail + 1 + SEEN
    if stage.epilogue != "logits":
        return done
    port = plan.ports[-1]
    return done + port.words + STORED + BURST * (ceil_div(port.words, port.burst) - 1)


def _drained(plan: HardwarePlan, stage: Stage, array: int) -> Iterator[int]:
    """The clock of the last step that drains each row tile. Loading is two row tiles ahead of the
    array at most, and of weights ROW_PARAM_TILES ahead of draining."""
    weights = stage.left == "weights"
    row_tiles, token_tiles = stage.tiles_of_pass(plan.folding.batch)
    table = sum(loop.trips for loop in stage.loops if loop.name == "table")
    comes = 1 if weights else 3  # behind the last element of a row tile
    row_steps = token_tiles * stage.tile_steps
    drains = 2 + array + stage.beats - stage.tile_steps + stage.drain_steps - 1
    load_end, ends, drained = table + STARTED, [0, 0], [0] * ROW_PARAM_TILES
    for tile in range(row_tiles):
        params = drained[-ROW_PARAM_TILES] if weights else 0
        room = max(ends[-2], params) + 1  # the clock in which a tile is seen to be free
        waits = tile == 0 or room > load_end
        first = max(load_end + (tile > 0), room) + 1 if waits else load_end + 1
        load_end = first + stage.load_steps - 1
        ends.append(max(load_end + comes, ends[-1] + 1) + row_steps - 1)
        drained.append(ends[-1] + drains)
        yield drained[-1]
