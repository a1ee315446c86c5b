"""Vectors of a block as bits: fields side by side, the first in the lowest bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.units import ceil_div
from qnas.numerics import Ints

Bits = NDArray[np.uint8]  # (vectors, bits), each 0 or 1
WORD_BITS = 32


def field(values: Ints | Any, bits: int) -> Bits:
    """(vectors, ...) integers as (vectors, elements * bits): two's complement, cut to `bits`."""
    array = np.asarray(values, dtype=np.int64)
    flat = array.reshape(len(array), -1, 1)
    shifts = np.minimum(np.arange(bits), 63)  # beyond an int64 the sign goes on
    found: Bits = ((flat >> shifts) & 1).astype(np.uint8).reshape(len(array), -1)
    return found


def concat(*fields: Bits) -> Bits:
    """Fields of the same vectors, the first in the lowest bits."""
    return np.concatenate(fields, axis=1)


def padded(bits: Bits, width: int) -> Bits:
    """Zeros above, up to `width`."""
    return np.pad(bits, ((0, 0), (0, width - bits.shape[1])))


def words(width: int) -> int:
    """Words of 32 bits that hold `width` bits."""
    return ceil_div(width, WORD_BITS)


def to_bytes(bits: Bits) -> bytes:
    """Little-endian words of 32 bits, each vector on a word of its own."""
    whole = padded(bits, words(bits.shape[1]) * WORD_BITS)
    return np.packbits(whole, axis=1, bitorder="little").tobytes()


def from_bytes(data: bytes, width: int) -> Bits:
    """What `to_bytes` wrote of vectors of `width` bits."""
    raw = np.frombuffer(data, dtype=np.uint8).reshape(-1, words(width) * WORD_BITS // 8)
    return np.unpackbits(raw, axis=1, bitorder="little")[:, :width]
