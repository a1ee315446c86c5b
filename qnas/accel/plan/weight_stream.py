"""The weight stream: every parameter of a network in the order in which the hardware reads it.

Words are little-endian. Stages come in order, and each stage's segment starts on a word boundary.
The ports of the weight stream each deliver a part of every word; `weight_files` splits the stream
among them.

- load_residual: the channels of a token, as many 16-bit values a word as its width and `vl` allow.
- gemm over weights: the GELU table if the epilogue needs it (256 entries of 8 bits, entry
  value + 128, as many a word as fill one port), then for each row tile the parameters of its rows
  (64 bits: bias 26, mult 18, shift 6, kind 2, row 12), then its nibbles, beat by beat (nibble
  slot * TK + k of a beat).
- layer_norm: one word (shift at bit 0, epsilon at 8), then 64 bits a channel (gain 18, bias 36).
- softmax: one word (mult at bit 0, shift at 18, out_mult at 24, out_shift at 42).

Row tiles have equally many 8-bit rows, the first ones perhaps one more. In a row tile these come
first, each as high and low nibble in neighbouring slots; then 4-bit rows, as many as fit; then
padding. Both kinds are in ascending order of their index over all row tiles.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from qnas.accel.plan.loops import (
    GELU_ENTRY_BITS,
    NORM_PARAM_BITS,
    RESIDUAL_BITS,
    ROW_PARAM_BITS,
    beat_words,
    residual_lanes,
)
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.errors import ConfigError, problem
from qnas.integer.network import IntegerNetwork
from qnas.integer.parameters import MatrixParams, NormParams, SoftmaxParams
from qnas.numerics import GAIN_BITS, NORM_BIAS_BITS, Ints, split_nibbles

Bytes = NDArray[np.uint8]


class RowKind(IntEnum):
    """Kind of a row of a row tile."""

    FOUR_BIT = 0
    EIGHT_BIT = 1
    PADDING = 3


def weight_stream(network: IntegerNetwork, plan: HardwarePlan) -> bytes:
    """Pack the whole weight stream.

    Raises:
        ConfigError: `network` does not have the plan's architecture.
    """
    if network.architecture != plan.architecture:
        raise ConfigError(
            problem(
                "network",
                f"must have the plan's architecture {plan.architecture.key}",
                network.architecture.key,
                "Lower the architecture of this network.",
            )
        )
    stream = b"".join(_segment(network, plan, stage) for stage in plan.stages)
    size = plan.stream_words * plan.stream_bits // 8
    assert len(stream) == size, "the stream is not what the plan reads"
    return stream


def weight_files(
    network: IntegerNetwork, plan: HardwarePlan, *, folder: str = "data"
) -> dict[str, bytes]:
    """Split the weight stream into one file for each weight port.

    Returns:
        Path in the project -> content, in the order of the plan's ports.

    Raises:
        ConfigError: `network` does not have the plan's architecture.
    """
    ports = plan.weight_ports
    stream = np.frombuffer(weight_stream(network, plan), dtype=np.uint8)
    words = stream.reshape(-1, len(ports), ports[0].bits // 8)
    names = weight_file_names(plan, folder=folder)
    return {path: words[:, index].tobytes() for index, path in enumerate(names)}


def weight_file_names(plan: HardwarePlan, *, folder: str = "data") -> tuple[str, ...]:
    """Paths of the weight files, one for each port of the weight stream, lowest bits first."""
    return tuple(f"{folder}/{port.name}.bin" for port in plan.weight_ports)


def _segment(network: IntegerNetwork, plan: HardwarePlan, stage: Stage) -> bytes:
    word_bytes = plan.stream_bits // 8
    if stage.kind == "load_residual":
        lanes = int(residual_lanes(plan.folding, plan.ports[0].bits))
        part = _rows(network.position, RESIDUAL_BITS, lanes, word_bytes)
    elif stage.kind == "layer_norm":
        part = _norm(network.norms[stage.name], word_bytes)
    elif stage.kind == "softmax":
        part = _softmax(network.softmaxes[stage.name], word_bytes)
    elif stage.left == "weights":
        table = network.gelus[stage.name] if stage.epilogue == "gelu" else None
        part = _gemm(network.weights[stage.name], table, plan, stage)
    else:
        return b""
    assert part.size == stage.stream_words * word_bytes, f"{stage.name}: wrong length"
    return part.tobytes()


def _rows(values: Ints, bits: int, lanes: int, word_bytes: int) -> Bytes:
    """Pack (rows, n) values into words of `lanes` values each; every row starts a word."""
    rows, count = values.shape
    vectors = -(-count // lanes)
    padded = np.zeros((rows, vectors * lanes), dtype=np.int64)
    padded[:, :count] = values
    packed = _little(padded.reshape(-1, lanes), bits // 8)
    return _words(packed, word_bytes)


def _little(values: Ints, size: int) -> Bytes:
    """Convert (n, m) integers to (n, m * size) bytes: the low `size` bytes, lowest first."""
    whole = np.ascontiguousarray(values.astype("<i8")).view(np.uint8)
    return whole.reshape(len(values), -1, 8)[:, :, :size].reshape(len(values), -1)


def _words(rows: Bytes, word_bytes: int) -> Bytes:
    """Pad each row of bytes with zeros to whole words."""
    padded = np.zeros((len(rows), -(-rows.shape[1] // word_bytes) * word_bytes), dtype=np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded


def _norm(params: NormParams, word_bytes: int) -> Bytes:
    first = np.array([[params.shift | params.epsilon << 8]], dtype=np.int64)
    gain_mask, bias_mask = (1 << GAIN_BITS) - 1, (1 << NORM_BIAS_BITS) - 1
    fields = (params.gain & gain_mask) | (params.bias & bias_mask) << GAIN_BITS
    return np.concatenate(
        [
            _words(_little(first, 8), word_bytes).ravel(),
            _words(_little(fields[None], NORM_PARAM_BITS // 8), word_bytes).ravel(),
        ]
    )


def _softmax(params: SoftmaxParams, word_bytes: int) -> Bytes:
    fields = params.mult | params.shift << 18 | params.out_mult << 24 | params.out_shift << 42
    return _words(_little(np.array([[fields]], dtype=np.int64), 8), word_bytes)


def _gemm(params: MatrixParams, table: Ints | None, plan: HardwarePlan, stage: Stage) -> Bytes:
    word_bytes, folding = plan.stream_bits // 8, plan.folding
    kinds, rows = tile_rows(params.is_w8, stage, folding.tm)
    nibbles = _nibbles(params, kinds, rows, folding.tm)
    tiles = [
        _words(_little(_row_params(params, kinds, rows), ROW_PARAM_BITS // 8), word_bytes),
        _beats(nibbles, plan, stage).reshape(stage.row_tiles, -1),
    ]
    body = np.concatenate(tiles, axis=1).ravel()
    if table is None:
        return body
    entries = _little(table[None], GELU_ENTRY_BITS // 8).reshape(-1, plan.ports[0].bits // 8)
    return np.concatenate([_words(entries, word_bytes).ravel(), body])


def tile_rows(is_w8: NDArray[np.bool_], stage: Stage, tm: int) -> tuple[Ints, Ints]:
    """Divide the rows of a matrix among row tiles.

    Args:
        is_w8: (rows) which rows have 8 bits.
        stage: The product.
        tm: Row slots of a tile.

    Returns:
        (kind, row index), each (row tiles, drain steps): the rows of each tile, in the order in
        which they are drained.
    """
    kinds = np.full((stage.row_tiles, stage.drain_steps), RowKind.PADDING, dtype=np.int64)
    rows = np.zeros_like(kinds)
    step, tile = np.arange(stage.drain_steps), np.arange(stage.row_tiles)[:, None]
    eight = stage.w8_rows + 1 * (tile < stage.w8_more)
    kinds[step < eight] = RowKind.EIGHT_BIT
    rows[step < eight] = np.flatnonzero(is_w8)
    narrow = np.flatnonzero(~is_w8)
    free = np.flatnonzero((step >= eight) & (step < tm - eight))[: len(narrow)]
    kinds.flat[free], rows.flat[free] = RowKind.FOUR_BIT, narrow
    return kinds, rows


def _nibbles(params: MatrixParams, kinds: Ints, rows: Ints, tm: int) -> Ints:
    """Nibbles (row tiles * tm, inner) of every row slot; zero where there is no row."""
    nibbles = np.zeros((len(kinds), tm, params.weight.shape[1]), dtype=np.int64)
    eight = (kinds == RowKind.EIGHT_BIT).sum(axis=1)
    tile, step = np.nonzero(kinds == RowKind.EIGHT_BIT)
    high, low = split_nibbles(params.weight[rows[tile, step]])
    nibbles[tile, 2 * step], nibbles[tile, 2 * step + 1] = high, low
    tile, step = np.nonzero(kinds == RowKind.FOUR_BIT)
    nibbles[tile, eight[tile] + step] = params.weight[rows[tile, step]]
    return nibbles.reshape(len(kinds) * tm, -1)


def _row_params(params: MatrixParams, kinds: Ints, rows: Ints) -> Ints:
    """Pack the 64-bit parameters of rows; padding has a scale of zero."""
    real = kinds != RowKind.PADDING
    bias = np.where(real, params.bias[rows], 0) & ((1 << 26) - 1)
    mult = np.where(real, params.mult[rows], 0) & ((1 << 18) - 1)
    shift = np.where(real, params.shift[rows], 1)
    # The row field reaches the top bit of the word: the shift wraps into the sign, as intended.
    return bias | mult << 26 | shift << 44 | kinds << 50 | rows << 52


def _beats(nibbles: Ints, plan: HardwarePlan, stage: Stage) -> Bytes:
    """Pack (row tiles * TM, inner) nibbles into (row tiles, beats, bytes of whole words)."""
    tm, tk = plan.folding.tm, plan.folding.tk
    words = int(beat_words(plan.folding, plan.ports[0].bits))
    shape = (stage.row_tiles, stage.beats, words * plan.stream_bits // 4)
    padded = np.zeros((len(nibbles), stage.beats * tk), dtype=np.uint8)
    padded[:, : nibbles.shape[1]] = nibbles & 15
    tiles = padded.reshape(stage.row_tiles, tm, stage.beats, tk).transpose(0, 2, 1, 3)
    stream = np.zeros(shape, dtype=np.uint8)
    stream[:, :, : tm * tk] = tiles.reshape(stage.row_tiles, stage.beats, tm * tk)
    high = np.left_shift(stream[:, :, 1::2], np.uint8(4))
    packed: Bytes = np.bitwise_or(stream[:, :, 0::2], high)
    return packed
