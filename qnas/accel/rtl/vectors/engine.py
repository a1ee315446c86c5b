"""Whole GEMMs on the engine: weights from the stream, or keys and probabilities, whose joined sums
and whose cycles are the plan's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import GemmShape, beat_words, gemm_shape, row_param_words
from qnas.accel.plan.multipliers import CASCADE
from qnas.accel.rtl.bits import Bits, concat, field, padded
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.accel.rtl.vectors.array import with_corners
from qnas.numerics import NIBBLE_MAX, W4_MAX, W4_MIN, Ints, act_max, split_nibbles
from qnas.operations import Epilogue, Gemm, Tensor

FOUR_BIT, HIGH, LOW, PADDING = range(4)
SUM_BITS, ROW_BITS, FIELD_BITS = 27, 12, 16
FEWEST_STAGES = 12


def depth_cycles(folding: Folding, *, packed: bool = True) -> int:
    """Clocks that the engine's pipeline needs to run empty after the loop's last iteration: operand
    read 1, array, drain select and join 2. The array: packing 1, the cascade's length and DSP 3,
    adder tree 1, accumulate 1, copy 1."""
    array = min(folding.tk, CASCADE) + 6 if packed else 7
    return array + 3


def engine(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Stages one after the other, until `count` vectors went in."""
    found = tuple(stages(block, rng, count))
    return Vectors(
        np.concatenate([stage.inputs for stage in found]),
        np.concatenate([stage.expected for stage in found]),
        busy_cycles=sum(stage.busy_cycles or 0 for stage in found),
    )


def stages(block: RtlBlock, rng: np.random.Generator, count: int) -> Iterator[Vectors]:
    """Whole GEMMs, of weights and of attention in turn, each of another random shape: FEWEST_STAGES
    at least, with `count` vectors at least.

    The block loads its first row tile, multiplies every row tile while the next one is loaded, and
    drains. It needs no handover of a row tile, which the kernel does: its cycles are its own.
    """
    folding = Folding(
        tm=block["tm"],
        tt=block["tt"],
        tk=block["tk"],
        vl=block["tk"],
        lut_slots=block["lut_slots"],
        drain_pairs=block["pairs"],
        score_pairs=block["pairs"],
    )
    depth = depth_cycles(folding, packed=bool(block["packed"]))
    taken = index = 0
    while taken < count or index < FEWEST_STAGES:
        op = _operation(block, folding, rng, attention=index % 2 == 1)
        sent, expected = _stage(block, folding, op, rng)
        shape = _shape(op, folding, block["port"])
        busy = int(shape.load_steps + shape.row_tiles * shape.row_steps + shape.drain_steps) + depth
        yield Vectors(np.concatenate(sent), expected, busy_cycles=busy)
        taken += sum(map(len, sent))
        index += 1


def _shape(op: Gemm, folding: Folding, port: int) -> GemmShape:
    """Tiles of the block, which drains weights slot by slot and takes parameters of every slot: a
    high nibble's sum waits for the low one's. The kernel drains row by row."""
    shape = gemm_shape(op, folding, port)
    if op.left is not Tensor.WEIGHTS:
        return shape
    nibbles = shape.beats * beat_words(folding, port)
    return replace(
        shape,
        drain_steps=folding.tm,
        tile_steps=np.maximum(shape.beats, folding.tm),
        load_steps=row_param_words(folding, port) + nibbles,
    )


def _operation(
    block: RtlBlock, folding: Folding, rng: np.random.Generator, *, attention: bool
) -> Gemm:
    beats = int(rng.integers(1, block["beats"] + 1))
    inner = int(rng.integers((beats - 1) * folding.tk + 1, beats * folding.tk + 1))
    tokens = int(rng.integers(1, folding.tt * max(1, block["rows"] // beats) + 1))
    tokens = min(tokens, 5 * folding.tt)
    rows = int(rng.integers(1, 5 * folding.tm + 1))
    eights = rows if attention else int(rng.integers(0, rows + 1))
    left = Tensor.KEY if attention else Tensor.WEIGHTS
    return Gemm(
        "gemm", left, Tensor.NORMED, Tensor.HIDDEN, Epilogue.RAW, rows, eights, tokens, inner
    )


def _stage(
    block: RtlBlock, folding: Folding, op: Gemm, rng: np.random.Generator
) -> tuple[list[Bits], Bits]:
    """Vectors of one stage: activations, its start, its stream; and the rows that it drains."""
    shape = _shape(op, folding, block["port"])
    left = with_corners(rng, (op.rows, op.inner), -NIBBLE_MAX, NIBBLE_MAX)
    left[op.w8_rows :] = with_corners(rng, (op.rows - op.w8_rows, op.inner), W4_MIN, W4_MAX)
    act = np.zeros((shape.token_tiles * folding.tt, shape.beats * folding.tk), np.int64)
    most = act_max(6)
    act[: op.tokens, : op.inner] = with_corners(rng, (op.tokens, op.inner), -most, most)
    attention = op.left is Tensor.KEY
    numbers = [shape.row_tiles, shape.token_tiles, shape.beats, shape.drain_steps]
    numbers += [shape.tile_steps, shape.load_steps, shape.row_steps, int(attention)]
    start = field(np.array([[int(n) for n in numbers]]), FIELD_BITS)
    wide = np.zeros((op.rows, act.shape[1]), np.int64)
    wide[:, : op.inner] = left
    stream = _pairs(wide, folding, shape) if attention else _words(block, op, wide, shape, folding)
    sent = [_vectors(block, 0, _act_rows(act, folding, shape)), _vectors(block, 1, start)]
    sent.append(_vectors(block, 2, stream))
    sums = (wide @ act.T).reshape(op.rows, shape.token_tiles, folding.tt)
    return sent, _answers(block, folding, op, shape, sums)


def _vectors(block: RtlBlock, op: int, payload: Bits) -> Bits:
    tm_tk, port = block["tt"] * block["tk"] * 6, block["port"]
    width = max(16 + tm_tk, 128, port, 8 * block["tk"])
    return concat(field(np.full(len(payload), op), 2), padded(payload, width))


def _act_rows(act: Ints, folding: Folding, shape: GemmShape) -> Bits:
    """Row `token tile * beats + beat` of activation memory: (token, input) of a bank each."""
    tiles = act.reshape(shape.token_tiles, folding.tt, shape.beats, folding.tk)
    rows = tiles.transpose(0, 2, 1, 3).reshape(-1, folding.tt * folding.tk)
    return concat(field(rows, 6), field(np.arange(len(rows)), 16))


def _pairs(left: Ints, folding: Folding, shape: GemmShape) -> Bits:
    """Row by row, beat by beat, tk elements; zero rows up to a whole tile."""
    rows = np.zeros((shape.row_tiles * folding.tm // 2, left.shape[1]), np.int64)
    rows[: len(left)] = left
    return field(rows.reshape(-1, folding.tk), 8)


def _words(block: RtlBlock, op: Gemm, left: Ints, shape: GemmShape, folding: Folding) -> Bits:
    """The weight stream of PLAN.md, section 6: a row tile's parameters, then its nibbles."""
    nibbles = np.zeros((shape.row_tiles * folding.tm, left.shape[1]), np.int64)
    high, low = split_nibbles(left[: op.w8_rows])
    nibbles[: 2 * op.w8_rows : 2], nibbles[1 : 2 * op.w8_rows : 2] = high, low
    nibbles[2 * op.w8_rows : op.slots] = left[op.w8_rows :]
    kinds = np.full(len(nibbles), PADDING)
    kinds[: 2 * op.w8_rows : 2], kinds[1 : 2 * op.w8_rows : 2] = HIGH, LOW
    kinds[2 * op.w8_rows : op.slots] = FOUR_BIT
    params = kinds << 50 | _row_of_slot(op, len(nibbles)) << 52
    tiles = nibbles.reshape(shape.row_tiles, folding.tm, shape.beats, folding.tk)
    found = []
    for tile, own in zip(tiles, params.reshape(shape.row_tiles, folding.tm), strict=True):
        found.append(_port_words(field(own[None], 64), block["port"]))
        beats = field(tile.transpose(1, 0, 2).reshape(shape.beats, -1), 4)
        found += [_port_words(beat[None], block["port"]) for beat in beats]
    return np.concatenate(found)


def _row_of_slot(op: Gemm, slots: int) -> Ints:
    rows = np.zeros(slots, np.int64)
    rows[: op.slots] = np.concatenate(
        [np.repeat(np.arange(op.w8_rows), 2), np.arange(op.w8_rows, op.rows)]
    )
    return rows


def _port_words(bits: Bits, port: int) -> Bits:
    width = ceil_div(bits.shape[1], port) * port
    return padded(bits, width).reshape(-1, port)


def _answers(block: RtlBlock, folding: Folding, op: Gemm, shape: GemmShape, sums: Ints) -> Bits:
    """Drained rows: row tile by row tile, token tile by token tile. Of weights one row an answer,
    of attention `pairs`, zero beyond the last."""
    pairs = folding.drain_pairs
    found = []
    slots = _row_of_slot(op, shape.row_tiles * folding.tm).reshape(shape.row_tiles, -1)
    for tile in range(shape.row_tiles):
        if op.left is Tensor.KEY:
            rows = np.arange(tile * folding.tm // 2, (tile + 1) * folding.tm // 2)
        else:
            inside = slots[tile][: max(0, op.slots - tile * folding.tm)]
            highs = np.arange(len(inside)) + tile * folding.tm < 2 * op.w8_rows
            rows = inside[~(highs & (np.arange(len(inside)) % 2 == 0))]
        for token in range(shape.token_tiles):
            padded_sums = np.zeros((max(len(rows), 1), folding.tt), np.int64)
            real = rows < op.rows
            padded_sums[: len(rows)][real] = sums[rows[real], token]
            if op.left is Tensor.KEY:
                values = padded_sums.reshape(-1, pairs * folding.tt)
                number = rows[::pairs]
            else:
                values, number = padded_sums[: len(rows)], rows
            bits = padded(field(values, SUM_BITS), pairs * folding.tt * SUM_BITS)
            found.append(concat(bits, field(number, ROW_BITS)))
    return np.concatenate(found)
