"""Buffers: random writes and reads of all banks at once."""

from __future__ import annotations

import numpy as np

from qnas.accel.rtl.bits import concat, field
from qnas.accel.rtl.block import RtlBlock, Vectors


def buffer(block: RtlBlock, rng: np.random.Generator, count: int) -> Vectors:
    """Every word is written once, then `count` times a random read and perhaps a write. The
    simulator's memories start at zero."""
    bits, banks, depth = block["bits"], block["banks"], block["depth"]
    address_bits = max(1, (depth - 1).bit_length())
    total = depth + count
    data = rng.integers(0, 1 << min(bits, 62), (total, banks))
    to, start = rng.integers(0, depth, total), rng.integers(0, depth, total)
    write = rng.integers(0, 2, total)
    to[:depth], start[:depth], write[:depth] = np.arange(depth), 0, 1
    held = np.zeros((depth, banks), np.int64)
    answers = np.empty((total, banks), np.int64)
    for i in range(total):
        answers[i] = held[start[i]]
        if write[i]:
            held[to[i]] = data[i]
    inputs = concat(
        field(data, bits), field(start, address_bits), field(to, address_bits), field(write, 1)
    )
    return Vectors(inputs, field(answers, bits))
