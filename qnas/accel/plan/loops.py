"""Trip counts of every pipelined loop, from an operation and a folding.

All trips are those of a pass, in which `batch` images go through all stages together; the tiling of
a product (`GemmShape`) is that of one image.

The formulas use + - * // and `maximum` alone, so that the same code serves a scalar folding
(`lower`) and arrays of foldings (the folding search). The emitted C++ contains these loops, and its
C simulation counts their iterations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.plan.folding import Folding
from qnas.operations import Epilogue, Gemm, LayerNorm, LoadPatches, LoadResidual, Softmax, Tensor

ROW_PARAM_BITS = 64  # bias 26, mult 18, shift 6, kind 2, row 12
NORM_PARAM_BITS = 64  # gain 18, bias 36
GELU_ENTRY_BITS = 8
RESIDUAL_BITS = 16
PIXEL_BITS = 8
LOGIT_BITS = 32
HANDOVER_STEPS = 1  # iterations that tell the engine that a row tile has arrived
ENGINE_LOOPS = ("prefetch", "tiles", "flush")  # phases of one pipeline, entered at the first

# Scalars, or equally shaped integer arrays inside the folding search.
Count = Any


@dataclass(frozen=True, slots=True)
class Trips:
    """Iterations of one pipelined loop.

    Attributes:
        name: The loop.
        trips: Iterations of a pass.
        entries: How often its pipeline starts empty.
        hidden: Iterations that run beside products of the array and take no time of their own.
    """

    name: str
    trips: Count
    entries: Count
    hidden: Count = 0


def stream_bits(folding: Folding, port_bits: int) -> Count:
    """Width in bits of a word of the weight stream: one word of each of its ports, side by side."""
    return folding.weight_ports * port_bits


def patch_lanes(folding: Folding, port_bits: int) -> Count:
    """Number of pixels in one word of the image port; a word never crosses a bank row."""
    return np.minimum(folding.tk, port_bits // PIXEL_BITS)


def residual_lanes(folding: Folding, port_bits: int) -> Count:
    """Residual values in one word of the weight stream; a word never crosses a bank row."""
    return np.minimum(folding.vl, stream_bits(folding, port_bits) // RESIDUAL_BITS)


@dataclass(frozen=True, slots=True)
class GemmShape:
    """The tiling of a GEMM of one image, and the number of iterations that one row tile takes.

    A row tile of weights is loaded once a pass and multiplied with the token tiles of every image.
    A row tile of keys or probabilities belongs to one image.
    """

    row_tiles: Count
    token_tiles: Count
    beats: Count
    drain_steps: Count  # iterations that empty the array: a row each, or pairs in attention
    tile_steps: Count  # iterations of one (row tile, token tile): multiply, and drain the last one
    load_steps: Count  # iterations that fetch the next row tile
    param_steps: Count  # of these, words of row parameters
    w8_rows: Count  # 8-bit rows of every row tile
    w8_more: Count  # row tiles that have one more; they come first
    table_words: int  # GELU table, before the first tile
    pass_row_tiles: Count  # row tiles that are loaded in a pass
    pass_token_tiles: Count  # token tiles that each of them is multiplied with

    @property
    def row_steps(self) -> Count:
        """Iterations of a row tile while the next one is loaded: the longer of the two."""
        return np.maximum(self.pass_token_tiles * self.tile_steps, self.load_steps)

    @property
    def load_period(self) -> Count:
        """Iterations between the starts of consecutive row tile loads, if no load has to wait."""
        return self.load_steps + HANDOVER_STEPS

    @property
    def multiply_steps(self) -> Count:
        """Iterations from the first product to the last. No load runs beside the last row tile."""
        row_steps = self.pass_token_tiles * self.tile_steps
        return (self.pass_row_tiles - 1) * np.maximum(row_steps, self.load_period) + row_steps

    @property
    def flush_steps(self) -> Count:
        """Iterations that drain the last tile after its products have ended."""
        return np.minimum(self.beats, self.drain_steps)


def gemm_shape(op: Gemm, folding: Folding, port_bits: int) -> GemmShape:
    """Divide a GEMM into tiles."""
    beats, row_tiles = ceil_div(op.inner, folding.tk), ceil_div(op.slots, folding.tm)
    token_tiles = ceil_div(op.tokens, folding.tt)
    pass_tiles = tiles_of_pass(op.left, row_tiles, token_tiles, folding.batch)
    param_steps: Count = 0
    w8_rows: Count = 0
    w8_more: Count = 0
    if op.left is Tensor.WEIGHTS:
        w8_rows, w8_more = op.w8_rows // row_tiles, op.w8_rows % row_tiles
        drain_steps = _most_rows(op, folding.tm, w8_rows, w8_more)
        param_steps = ceil_div(drain_steps * ROW_PARAM_BITS, stream_bits(folding, port_bits))
        load_steps = param_steps + beats * beat_words(folding, port_bits)
    else:  # pairs of slots of one beat an iteration, from key or probability memory
        probs = op.left is Tensor.PROBS
        load_steps = folding.tm // (2 * (folding.load_pairs if probs else 1)) * beats
        drain_steps = folding.tm // (2 * (folding.drain_pairs if probs else folding.score_pairs))
    return GemmShape(
        row_tiles=row_tiles,
        token_tiles=token_tiles,
        beats=beats,
        drain_steps=drain_steps,
        tile_steps=np.maximum(beats, drain_steps),
        load_steps=load_steps,
        param_steps=param_steps,
        w8_rows=w8_rows,
        w8_more=w8_more,
        # The table uses the width of one port: a wider one costs more LUTs than the time is worth.
        table_words=ceil_div(op.table * GELU_ENTRY_BITS, port_bits),
        pass_row_tiles=pass_tiles[0],
        pass_token_tiles=pass_tiles[1],
    )


def tiles_of_pass(
    left: str, row_tiles: Count, token_tiles: Count, batch: Count
) -> tuple[Count, Count]:
    """Row tiles that a product loads in a pass, and token tiles that each of them meets.

    A row tile of weights meets the tokens of all images. Keys and probabilities are an image's own:
    its row tiles follow those of the image before.

    Args:
        left: The product's nibble operand, a `Tensor`.
        row_tiles: Row tiles of one image.
        token_tiles: Token tiles of one image.
        batch: Images of a pass.
    """
    if left == Tensor.WEIGHTS:
        return row_tiles, batch * token_tiles
    return batch * row_tiles, token_tiles


def _most_rows(op: Gemm, tm: Count, w8_rows: Count, w8_more: Count) -> Count:
    """Most rows of a row tile: its 8-bit rows, and 4-bit rows in the slots that these leave."""
    w4_rows = op.rows - op.w8_rows
    fewer = w8_rows + np.minimum(tm - 2 * w8_rows, w4_rows)
    more = w8_rows + 1 + np.minimum(tm - 2 * w8_rows - 2, w4_rows)
    return np.where(np.asarray(w8_more) > 0, np.maximum(fewer, more), fewer)


def row_param_words(folding: Folding, port_bits: int) -> Count:
    """Words of the stream that hold the parameters of the most rows that a row tile can have."""
    return ceil_div(folding.tm * ROW_PARAM_BITS, stream_bits(folding, port_bits))


def beat_words(folding: Folding, port_bits: int) -> Count:
    """Words of the stream that hold one beat (TM x TK nibbles) of a row tile."""
    return ceil_div(folding.tm * folding.tk * 4, stream_bits(folding, port_bits))


EXIT_STEPS = 3  # idle iterations of a product until the engine's loop sees its end


def operation_trips(op: object, folding: Folding, port_bits: int) -> tuple[Trips, ...]:
    """List every pipelined loop of one operation, in execution order."""
    if isinstance(op, Gemm):
        shape = gemm_shape(op, folding, port_bits)
        table = (Trips("table", shape.table_words, 1),) if shape.table_words else ()
        # Logits leave the chip after the last stage: no external write inside the engine's loop.
        logits = folding.batch * op.rows
        store = (Trips("store", logits, 1),) if op.epilogue is Epilogue.LOGITS else ()
        return (
            *table,
            Trips("prefetch", shape.load_period, 1),
            Trips("tiles", shape.multiply_steps, 0),
            Trips("flush", shape.flush_steps, 0),
            *store,
        )
    if isinstance(op, LoadPatches):
        groups = ceil_div(op.channels, patch_lanes(folding, port_bits))
        return (Trips("load", folding.batch * op.tokens * groups, 1),)
    if isinstance(op, LoadResidual):  # each word of the stream is written to every image
        return (Trips("load", folding.batch * stream_words(op, folding, port_bits), 1),)
    if isinstance(op, LayerNorm):
        return (
            Trips("parameters", stream_words(op, folding, port_bits), 1),
            _two_passes("normalise", folding.batch * op.tokens, ceil_div(op.channels, folding.vl)),
        )
    if isinstance(op, Softmax):
        return (
            Trips("parameters", 1, 1),
            _two_passes("softmax", folding.batch * op.queries, ceil_div(op.keys, folding.vl)),
        )
    raise TypeError(f"not an operation: {op!r}")


def _two_passes(name: str, tokens: Count, vectors: Count) -> Trips:
    """Two passes over the tokens of all images; the second runs one token behind the first."""
    return Trips(name, (tokens + 1) * vectors, 1)


def step_trips(
    operations: Sequence[object], folding: Folding, port_bits: int
) -> list[tuple[Trips, ...]]:
    """List the loops of each operation of a step.

    A softmax beside products of the array shares the iterations of the array's loops while these
    last; its remaining iterations take one more entry.
    """
    found = [operation_trips(op, folding, port_bits) for op in operations]
    engine = [[loop for loop in loops if loop.name in ENGINE_LOOPS] for loops in found]
    shared: Count = sum(loop.trips for loops in engine for loop in loops)
    idle = EXIT_STEPS * sum(bool(loops) for loops in engine)
    return [tuple(_beside(loop, shared, idle) for loop in loops) for loops in found]


def _beside(loop: Trips, shared: Count, idle: int) -> Trips:
    """The softmax goes on in the engine's idle last iterations, which its depth counts."""
    if loop.name != "softmax":
        return loop
    left = np.asarray(loop.trips) > shared + idle
    return replace(loop, hidden=np.minimum(loop.trips, shared), entries=1 * left)


def stream_words(op: object, folding: Folding, port_bits: int) -> Count:
    """Words of the weight stream that an operation consumes in a pass."""
    if isinstance(op, Gemm) and op.left is Tensor.WEIGHTS:
        shape = gemm_shape(op, folding, port_bits)
        return shape.table_words + shape.row_tiles * shape.load_steps
    if isinstance(op, LoadResidual):
        return op.tokens * ceil_div(op.channels, residual_lanes(folding, port_bits))
    if isinstance(op, LayerNorm):
        return 1 + ceil_div(op.channels * NORM_PARAM_BITS, stream_bits(folding, port_bits))
    return 1 if isinstance(op, Softmax) else 0
