"""On-chip memories of a plan: where tensors lie, and which arrays hold them.

Two regions of the activation memory are enough, since no operation reads and writes the same one:
A holds normed or attended tokens; B holds patches, then queries and values, then the hidden layer.
Formulas serve scalars and arrays of foldings alike (see loops.py).
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
)
from qnas.operations import Gemm, Tensor, gelu_entries, network_operations

KEY_BITS = 8
NORM_BITS = GAIN_BITS + NORM_BIAS_BITS
QUERY_SCALE_BITS = 24
TOKEN_SCALE_BITS = 51  # LayerNorm: sum 27, reciprocal root 18, shift 6
STREAM_DEPTH = 64
# Between the passes of a vector unit: a token's vectors, which wait for what the first pass finds
# of it, and as many as the first pass may have in flight meanwhile (assumed: PLAN.md, section 8).
IN_FLIGHT_VECTORS = 48
RESULT_DEPTH = 16
PASS_STREAMS = ("score_stream", "maximum_stream", "residual_stream", "scale_stream")
LUTRAM_DEPTH = 128  # a deeper memory goes to block RAM, unless it is placed elsewhere

Count = Any


@dataclass(frozen=True, slots=True)
class Region:
    """Bank rows of one tensor: `stride` a group of tt tokens, `group_stride` a head."""

    base: Count
    stride: Count
    group_stride: Count = 0


@dataclass(frozen=True, slots=True)
class Array:
    """A Buffer whose numbers may still be arrays of foldings. Where it lies: placement.py."""

    name: str
    bits: Count
    banks: Count
    depth: Count
    registers: bool = False
    copies: Count = 1


def activation_map(arch: Architecture, folding: Folding) -> tuple[Mapping[Tensor, Region], Count]:
    """Region of every tensor in activation memory (and key memory), and the rows of the former.

    Keys are read one at a time, so that each has bank rows of its own: a token group takes `tt`
    times as many.
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
    """Signed width of one slot's sum: |nibble| <= 8 times the activation, over `inner`."""
    inner = max(op.inner for op in network_operations(arch) if isinstance(op, Gemm))
    return (-W4_MIN * act_max(arch.activation_bits) * inner).bit_length() + 1


def score_bits(arch: Architecture) -> int:
    """Signed width of one attention score: 119 * act_max over the head dimension."""
    return (NIBBLE_MAX * act_max(arch.activation_bits) * arch.head_dim).bit_length() + 1


def plan_arrays(
    archs: Sequence[Architecture], folding: Folding, port_bits: int
) -> tuple[Array, ...]:
    """Every on-chip array of a kernel with room for `archs`: each as large as any of them needs it.
    They are alike (sharing.py), so that banks and copies are the same for all."""
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
    token_groups = ceil_div(n, f.tt)
    _, act_rows = activation_map(arch, f)
    acc, gelu_lanes = accumulator_bits(arch), port_bits // GELU_ENTRY_BITS
    word_bits = stream_bits(f, port_bits)
    norm_banks = np.maximum(f.vl, word_bits // NORM_PARAM_BITS)
    return (
        Array("act", arch.activation_bits, f.tt * f.tk, act_rows),
        Array("key", KEY_BITS, f.tk, heads * n * ceil_div(arch.head_dim, f.tk)),
        Array("prob", KEY_BITS, f.tk, n * ceil_div(n, f.tk), copies=f.head_buffers),
        Array(
            "score",
            score_bits(arch),
            f.tt * f.vl,
            ceil_div(n, f.vl) * token_groups,
            copies=f.head_buffers,
        ),
        Array("residual", RESIDUAL_BITS, f.tt * f.vl, token_groups * ceil_div(d, f.vl)),
        Array("weight", 4, f.tm * f.tk, 2 * ceil_div(inner, f.tk)),
        # A word of the stream holds several parameters, so that many banks; four row tiles: one
        # arriving, one multiplied, one drained, and a power of two for the address.
        Array(
            "row_param",
            ROW_PARAM_BITS,
            word_bits // ROW_PARAM_BITS,
            4 * ceil_div(f.tm * ROW_PARAM_BITS, word_bits),
        ),
        Array(
            "query_scale",
            QUERY_SCALE_BITS,
            f.drain_pairs,
            ceil_div(n, f.drain_pairs),
            copies=f.head_buffers,
        ),
        Array("norm_param", NORM_BITS, norm_banks, ceil_div(d, norm_banks)),
        # A port's width of a word brings several entries of the table, each to a bank of its own.
        Array("gelu", arch.activation_bits, f.tt * gelu_lanes, gelu_entries(arch) // gelu_lanes),
        Array("exp", 15, f.vl, 2**EXP_FRACTION),
        Array("rsqrt", 16, 1, len(RSQRT_TABLE)),
        Array("logit", LOGIT_BITS, 1, arch.num_classes),
        Array("accumulator", acc, f.tm * f.tt, 1, registers=True),
        Array("drain", acc, f.tm * f.tt, 1, registers=True),
        Array("stream", word_bits, 1, STREAM_DEPTH),
        _pass_stream("score_stream", f.vl * score_bits(arch), ceil_div(n, f.vl)),
        Array("maximum_stream", score_bits(arch), 1, RESULT_DEPTH),
        _pass_stream("residual_stream", f.vl * RESIDUAL_BITS, ceil_div(d, f.vl)),
        Array("scale_stream", TOKEN_SCALE_BITS, 1, RESULT_DEPTH),
    )


def _pass_stream(name: str, bits: Count, vectors: Count) -> Array:
    return Array(name, bits, 1, vectors + IN_FLIGHT_VECTORS)
