"""Multiplier array: random tiles of random length, corners of the formats among them."""

from __future__ import annotations

import numpy as np

from qnas._util.units import ceil_div
from qnas.accel.rtl.bits import concat, field
from qnas.accel.rtl.block import RtlBlock, Vectors
from qnas.numerics import W4_MAX, W4_MIN, Ints

MOST_BEATS = 9
CORNER_SHARE = 0.1


def array(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """`count` beats at least; an answer is the sums of a tile."""
    tm, tt, tk, bits = (block[name] for name in ("tm", "tt", "tk", "wx"))
    tiles = ceil_div(count, MOST_BEATS // 2)
    beats = rng.integers(1, MOST_BEATS + 1, tiles)
    total = int(beats.sum())
    weight = with_corners(rng, (total, tm, tk), W4_MIN, W4_MAX)
    most = (1 << (bits - 1)) - 1
    act = with_corners(rng, (total, tt, tk), -most, most)
    ends = np.cumsum(beats) - 1
    sums = np.einsum("bmk,btk->bmt", weight, act)
    tile_sums = np.add.reduceat(sums, np.concatenate([[0], ends[:-1] + 1]))
    first, last = np.zeros(total, np.int64), np.zeros(total, np.int64)
    last[ends] = 1
    first[np.concatenate([[0], ends[:-1] + 1])] = 1
    inputs = concat(field(weight, 4), field(act, bits), field(first, 1), field(last, 1))
    return Vectors(inputs, field(tile_sums, block["acc"]))


def with_corners(rng: np.random.Generator, shape: tuple[int, ...], low: int, high: int) -> Ints:
    """Uniform in low..high; of a share of the vectors (first axis) all values are low or high."""
    values = rng.integers(low, high + 1, shape)
    ends = np.where(rng.integers(0, 2, shape) == 1, high, low)
    chosen = rng.random(shape[0]) < CORNER_SHARE
    same = rng.random(shape[0]) < CORNER_SHARE / 2  # all at one end: the largest sums
    values[chosen] = ends[chosen]
    values[same] = low
    return np.asarray(values, dtype=np.int64)
