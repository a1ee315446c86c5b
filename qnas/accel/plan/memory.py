"""On-chip memories of a plan: the address of every tensor, and the arrays that hold them.

The activation memory has two regions, since no operation reads and writes the same one: region A
holds normed or attended tokens; region B holds patches, then queries and values, then the hidden
layer. Scores and the residual stream are turned: neighbouring tokens, as writers have them, and
neighbouring channels, as readers want them, lie in different banks. What differs from image to
image has the same rows for each image of a pass, one image after the other. The formulas accept
scalar foldings and arrays of foldings (see loops.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import (
    GELU_ENTRY_BITS,
    LOGIT_BITS,
    NORM_PARAM_BITS,
    RESIDUAL_BITS,
    ROW_PARAM_BITS,
    stream_bits,
)
from qnas.architecture import Architecture
from qnas.numerics import (
    EXP_FRACTION,
    GAIN_BITS,
    NIBBLE_MAX,
    NORM_BIAS_BITS,
    RSQRT_TABLE,
    W4_MIN,
    act_max,
    bit_length,
)
from qnas.operations import Gemm, Tensor, gelu_entries, network_operations

KEY_BITS = 8
NIBBLE_BITS = 4
NORM_BITS = GAIN_BITS + NORM_BIAS_BITS
QUERY_SCALE_BITS = 24
STREAM_DEPTH = 64  # words that an input FIFO holds, read ahead of their use
ANSWER_DEPTH = 16
# Vitis HLS makes registers of arrays of fewer elements (UG1399, config_array_partition), to which
# no DEPENDENCE applies: a loop would wait for values that it carries through them.
LEAST_ROWS = 4
LANES_A_ROM = 2  # a block RAM has two ports
WEIGHT_WORD = 8  # nibbles in a word of weight memory, if `tk` has as many: always written together
# Tokens in a word of activation memory in block RAM or UltraRAM, a byte each: these have an enable
# a byte.
ACT_WORD, BYTE_BITS = 4, 8
# Buffers with rows for each image of a pass; of these, those with a half for each head buffer.
OF_IMAGES = ("act", "key", "prob", "score", "residual", "query_scale", "logit")
IN_HALVES = ("prob", "score", "query_scale")
LUTRAM_DEPTH = 128  # a deeper memory goes to block RAM, unless it is placed elsewhere

Count = Any


@dataclass(frozen=True, slots=True)
class Region:
    """Bank rows of a tensor: `stride` for each group of tt tokens, `group_stride` for each head."""

    base: Count
    stride: Count
    group_stride: Count = 0


@dataclass(frozen=True, slots=True)
class Array:
    """A Buffer whose numbers may be arrays of foldings. placement.py decides its kind of memory.

    In block RAM or UltraRAM it has `wide_banks` of `wide_bits`, if they are given.
    """

    name: str
    bits: Count
    banks: Count
    depth: Count
    registers: bool = False
    wide_bits: Count | None = None
    wide_banks: Count | None = None

    def shape_in(self, storage: str) -> tuple[Count, Count]:
        """(bits, banks) in a kind of memory."""
        wide = storage in ("bram", "uram")
        bits = self.wide_bits if wide and self.wide_bits is not None else self.bits
        banks = self.wide_banks if wide and self.wide_banks is not None else self.banks
        return bits, banks


def activation_map(arch: Architecture, folding: Folding) -> tuple[Mapping[Tensor, Region], Count]:
    """Assign a region to every tensor in activation memory and key memory.

    Keys are read one at a time, so each key has bank rows of its own, and a token group takes
    `tt` times as many.

    Returns:
        (region of each tensor, bank rows of the activation memory); of one image.
    """
    n, k = arch.num_tokens, arch.head_dim
    heads = max(block.num_heads for block in arch.blocks)
    hidden = max(block.mlp_hidden for block in arch.blocks)

    def stride(channels: int) -> Count:
        return ceil_div(channels, folding.tk)

    def rows(tokens: int, channels: int) -> Count:
        return ceil_div(tokens, folding.tt) * stride(channels)

    region_a = np.maximum(rows(n, arch.embed_dim), rows(n, heads * k))
    query_group, value_group = rows(n, k), rows(k, n)
    value_base = region_a + heads * query_group
    region_b = np.maximum(
        np.maximum(rows(n - 1, arch.patch_dim), rows(n, hidden)),
        heads * (query_group + value_group),
    )
    regions = {
        Tensor.NORMED: Region(0, stride(arch.embed_dim)),
        Tensor.ATTENDED: Region(0, None),  # width differs a block: lower() fills the stride
        Tensor.PATCHES: Region(region_a, stride(arch.patch_dim)),
        Tensor.QUERY: Region(region_a, stride(k), query_group),
        Tensor.VALUE: Region(value_base, stride(n), value_group),
        Tensor.HIDDEN: Region(region_a, None),  # likewise
        Tensor.KEY: Region(0, stride(k) * folding.tt, n * stride(k)),  # in key memory
    }
    return regions, region_a + region_b


def accumulator_bits(arch: Architecture) -> int:
    """Signed width of the sum of one slot: `inner` products of |nibble| <= 8 and an activation."""
    inner = max(op.inner for op in network_operations(arch) if isinstance(op, Gemm))
    return (-W4_MIN * act_max(arch.activation_bits) * inner).bit_length() + 1


def score_bits(arch: Architecture) -> int:
    """Signed width of one attention score: 119 * act_max over the head dimension."""
    return (NIBBLE_MAX * act_max(arch.activation_bits) * arch.head_dim).bit_length() + 1


def residual_banks(folding: Folding) -> Count:
    """Banks of the residual stream: (token, channel) lies in bank (token + channel) % banks.

    One channel of `tt` tokens, or `vl` channels of one token, lie in different banks.
    """
    return _power_of_two_from(np.maximum(folding.tt, folding.vl))


def score_banks(folding: Folding) -> Count:
    """Banks of the scores: (query, key) lies in bank (score_pairs * query + key) % banks.

    `score_pairs` keys of `tt` queries, or `vl` keys of one query, lie in different banks.
    """
    return _power_of_two_from(np.maximum(folding.tt * folding.score_pairs, folding.vl))


def _power_of_two_from(count: Count) -> Count:
    """The smallest power of two that is at least `count`."""
    return 1 << bit_length(np.asarray(count) - 1)


def plan_arrays(
    archs: Sequence[Architecture], folding: Folding, port_bits: int
) -> tuple[Array, ...]:
    """List every on-chip array of a kernel that runs any of `archs`.

    Each array is as large as the most demanding network needs it. The networks can share a kernel
    (multi_network.py), so the number of banks is the same for all.
    """
    groups = zip(*(_arrays(arch, folding, port_bits) for arch in archs), strict=True)
    return tuple(
        replace(
            group[0], bits=_largest(a.bits for a in group), depth=_largest(a.depth for a in group)
        )
        for group in groups
    )


def _largest(counts: Iterable[Count]) -> Count:
    return reduce(np.maximum, counts)


def _arrays(arch: Architecture, folding: Folding, port_bits: int) -> tuple[Array, ...]:
    f, n, d = folding, arch.num_tokens, arch.embed_dim
    heads = max(block.num_heads for block in arch.blocks)
    inner = max(op.inner for op in network_operations(arch) if isinstance(op, Gemm))
    _, act_rows = activation_map(arch, f)
    acc, gelu_lanes = accumulator_bits(arch), port_bits // GELU_ENTRY_BITS
    word_bits = stream_bits(f, port_bits)
    norm_banks = np.maximum(f.vl, word_bits // NORM_PARAM_BITS)
    vectors, residual_vectors = ceil_div(n, f.vl), ceil_div(d, f.vl)
    for_scores, for_residual = score_banks(f), residual_banks(f)
    weight_word = np.minimum(f.tk, WEIGHT_WORD)

    def images(array: Array) -> Array:  # the same rows for each image of a pass
        return replace(array, depth=f.batch * array.depth)

    def times_heads(rows: Count) -> Count:  # the rows of all heads held at once
        return f.batch * f.head_buffers * np.maximum(rows, LEAST_ROWS // f.head_buffers)

    return (
        images(_activations(arch, f, act_rows)),
        images(_array("key", KEY_BITS, f.tk, heads * n * ceil_div(arch.head_dim, f.tk))),
        Array(
            "prob",
            KEY_BITS,
            f.load_pairs * f.tk,
            times_heads(ceil_div(n, f.load_pairs) * ceil_div(n, f.tk)),
        ),
        Array("score", score_bits(arch), for_scores, times_heads(n * ceil_div(n, for_scores))),
        _array("score_delay", score_bits(arch), f.vl, vectors),
        images(_array("residual", RESIDUAL_BITS, for_residual, n * ceil_div(d, for_residual))),
        _array("residual_delay", RESIDUAL_BITS, f.vl, residual_vectors),
        Array(
            "weight",
            NIBBLE_BITS * weight_word,
            f.tm * (f.tk // weight_word),
            2 * np.maximum(ceil_div(inner, f.tk), LEAST_ROWS // 2),
        ),
        # One bank for each parameter in a word of the stream. Four row tiles: one
        # arriving, one multiplied, one drained, and a power of two for the address.
        Array(
            "row_param",
            ROW_PARAM_BITS,
            word_bits // ROW_PARAM_BITS,
            4 * ceil_div(f.tm * ROW_PARAM_BITS, word_bits),
        ),
        Array(
            "query_scale", QUERY_SCALE_BITS, f.drain_pairs, times_heads(ceil_div(n, f.drain_pairs))
        ),
        _array("norm_param", NORM_BITS, norm_banks, ceil_div(d, norm_banks)),
        # A port word holds several entries of the table; each goes to its own bank.
        _array("gelu", arch.activation_bits, f.tt * gelu_lanes, gelu_entries(arch) // gelu_lanes),
        Array("exp", 15, ceil_div(f.vl, LANES_A_ROM), 2**EXP_FRACTION),
        Array("rsqrt", 16, 1, len(RSQRT_TABLE)),
        images(_array("logit", LOGIT_BITS, 1, arch.num_classes)),
        Array("accumulator", acc, f.tm * f.tt, 1, registers=True),
        Array("drain", acc, f.tm * f.tt, 1, registers=True),
        Array("stream", word_bits, 1, STREAM_DEPTH),
        Array("pixels", port_bits, 1, STREAM_DEPTH),
        Array("answers", LOGIT_BITS, 1, ANSWER_DEPTH),
    )


def _activations(arch: Architecture, f: Folding, rows: Count) -> Array:
    """Activation memory, where one query a cycle is drained with a block RAM's words of several
    tokens: such a drain writes one channel of all tokens, or one token, of each word."""
    narrow = _array("act", arch.activation_bits, f.tt * f.tk, rows)
    alone = np.asarray(f.drain_pairs) == 1
    return replace(
        narrow,
        wide_bits=np.where(alone, ACT_WORD * BYTE_BITS, arch.activation_bits),
        wide_banks=np.where(alone, ceil_div(f.tt, ACT_WORD), f.tt) * f.tk,
    )


def _array(name: str, bits: Count, banks: Count, depth: Count) -> Array:
    return Array(name, bits, banks, np.maximum(depth, LEAST_ROWS))
