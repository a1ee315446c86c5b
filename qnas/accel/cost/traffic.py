"""Memory traffic: the bits that a stage moves in and out of each on-chip memory in one pass.

The energy model counts them. Registers (accumulators, pipelines) are left out; their energy is part
of the operations'.
"""

from __future__ import annotations

from collections import Counter

from qnas._util.units import ceil_div
from qnas.accel.plan.loops import ROW_PARAM_BITS
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.operations import Epilogue, Tensor

NIBBLE_BITS = 4
# Memory of a GEMM's result (default: `act`) and its number of accesses: a residual is read,
# added to and written, a logit written and read once more.
RESULTS = {
    Tensor.KEY: ("key", 1),
    Tensor.SCORES: ("score", 1),
    Tensor.RESIDUAL: ("residual", 2),
    Tensor.LOGITS: ("logit", 2),
}


def memory_traffic(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count the bits read and written in each buffer. Data of a port enter and leave a FIFO."""
    found = Counter({"stream": 2 * stage.stream_words * plan.stream_bits})
    if stage.kind == "gemm":
        found += _operands(stage, plan) + _parameters(stage, plan) + _results(stage, plan)
    elif stage.kind == "layer_norm":
        found += _layer_norm(stage, plan)
    elif stage.kind == "softmax":
        found += _softmax(stage, plan)
    else:
        name = "residual" if stage.kind == "load_residual" else "act"
        found[name] += values_of(stage, plan) * _bits(plan)[name]
    if stage.kind == "load_patches":
        found["pixels"] += 2 * plan.image_port.words * plan.image_port.bits
    if stage.dst == Tensor.LOGITS:
        found["answers"] += 2 * values_of(stage, plan) * _bits(plan)["answers"]
    return found


def values_of(stage: Stage, plan: HardwarePlan) -> int:
    """Results of a stage in one pass; `rows` of each token of each image."""
    return stage.rows * stage.tokens * plan.folding.batch


def _bits(plan: HardwarePlan) -> dict[str, int]:
    """Bits of an element of each buffer; of activations in words, what one has of the word."""
    found = {buffer.name: buffer.bits for buffer in plan.buffers}
    return {**found, "act": found["act"] // plan.act_word}


def _operands(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count both operands once a beat, and the left one also on its way into the weight memory."""
    f, bits = plan.folding, _bits(plan)
    row_tiles, token_tiles = stage.tiles_of_pass(f.batch)
    beats = row_tiles * token_tiles * stage.beats
    tile_bits = stage.beats * f.tm * f.tk * NIBBLE_BITS
    found = Counter(
        act=beats * f.tt * f.tk * bits["act"],
        weight=beats * f.tm * f.tk * NIBBLE_BITS + row_tiles * tile_bits,
    )
    source = {Tensor.KEY: "key", Tensor.PROBS: "prob"}.get(Tensor(stage.left))
    if source:
        found[source] += stage.rows * stage.inner * f.batch * bits[source]
    return found


def _parameters(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count row parameters and query scales.

    A row parameter of weights is written once a row tile and read whenever its row drains. The
    query's scale of probabilities is read whenever a pair of slots drains.
    """
    row_tiles, token_tiles = stage.tiles_of_pass(plan.folding.batch)
    if stage.left == Tensor.WEIGHTS:
        rows = row_tiles * stage.drain_steps
        return Counter(row_param=rows * (1 + token_tiles) * ROW_PARAM_BITS)
    if stage.left == Tensor.PROBS:
        pairs, bits = row_tiles * plan.folding.tm // 2, _bits(plan)["query_scale"]
        return Counter(query_scale=pairs * token_tiles * bits)
    return Counter()


def _results(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    values = values_of(stage, plan)
    name, times = RESULTS.get(Tensor(stage.dst), ("act", 1))
    found = Counter({name: times * values * _bits(plan)[name]})
    if stage.epilogue == Epilogue.GELU:  # its table is written whole, a copy a token lane
        table = next(buffer for buffer in plan.buffers if buffer.name == "gelu")
        found["gelu"] = (table.banks * table.depth + values) * table.bits
    return found


def _layer_norm(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count residuals: read for the statistics, then in and out of a delay line."""
    bits, values = _bits(plan), values_of(stage, plan)
    tokens = stage.tokens * plan.folding.batch
    vectors = tokens * ceil_div(stage.rows, plan.folding.vl)
    return Counter(
        residual=values * bits["residual"],
        residual_delay=2 * vectors * plan.folding.vl * bits["residual_delay"],
        act=values * bits["act"],
        norm_param=(stage.rows + values) * bits["norm_param"],
        rsqrt=tokens * bits["rsqrt"],
    )


def _softmax(stage: Stage, plan: HardwarePlan) -> Counter[str]:
    """Count scores and table entries.

    Scores are read for the maximum and then pass a delay line to the exponentials, each of which
    reads the table.
    """
    bits, queries = _bits(plan), stage.tokens * plan.folding.batch
    values = queries * stage.inner
    vectors = queries * ceil_div(stage.inner, plan.folding.vl)
    return Counter(
        score=values * bits["score"],
        score_delay=2 * vectors * plan.folding.vl * bits["score_delay"],
        exp=values * bits["exp"],
        prob=values * bits["prob"],
        query_scale=queries * bits["query_scale"],
    )
