"""Device blocks that memories and multipliers occupy, from the data sheets.

The formulas use + - * // and numpy's minimum, maximum and where alone: scalars and arrays alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnas._util.units import ceil_div

Count = Any

# UG573, table "Block RAM port width": words by bits of one 18 Kb block in simple dual port use.
BRAM18_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))

# UG573, "UltraRAM": 288 Kb, fixed: 4096 words of 72 bits.
URAM_WORDS, URAM_BITS = 4096, 72


def bram18_blocks(bits: Count, depth: Count) -> Count:
    """18 Kb blocks of one bank, side by side in the best of the block's shapes."""
    blocks = [ceil_div(bits, width) * ceil_div(depth, words) for words, width in BRAM18_SHAPES]
    best: Count = blocks[0]
    for other in blocks[1:]:
        best = np.minimum(best, other)
    return best


def uram_blocks(bits: Count, depth: Count) -> Count:
    """UltraRAM blocks of one bank, side by side and stacked; the cascade decodes the address.

    A block has a single shape, whatever the width of the data. Source: UG573; Versal: AM007.
    """
    return ceil_div(bits, URAM_BITS) * ceil_div(depth, URAM_WORDS)


def lutram_luts(bits: Count, depth: Count, *, smallest: int = 4) -> Count:
    """LUTs of one bank with one write and one read port (UG574, simple dual port).

    The bank consists of cells of eight LUTs, and also of four if `smallest` is 4. Up to 32 words:
    RAM32M holds 6 bits in 4 LUTs, RAM32M16 14 bits in 8. Up to 64: RAM64M holds 3 bits in 4,
    RAM64M8 7 bits in 8. Deeper banks stack those cells, and a LUT for each bit selects one.
    """
    narrow, least = (6, 3) if smallest == 4 else (0, 0)
    shallow = _packed(bits, narrow=narrow, wide=14)
    copies = ceil_div(depth, 64)
    deep = copies * _packed(bits, narrow=least, wide=7) + (copies - 1) * bits
    return np.where(np.asarray(depth) <= 32, shallow, deep)


def _packed(bits: Count, *, narrow: int, wide: int) -> Count:
    """LUTs if `wide` bits take eight LUTs and `narrow` bits take four."""
    rest = bits % wide
    return 8 * (bits // wide) + 4 * ((rest > 0) * 1 + (rest > narrow) * 1)


def dsp_blocks(a_bits: int, b_bits: int, *, ports: tuple[int, int]) -> int:
    """DSPs of one signed product; the operands may be swapped.

    Only the topmost part of a wider operand is signed, so each lower part carries one bit less.

    Args:
        a_bits: Signed width of the first operand.
        b_bits: Signed width of the second operand.
        ports: Signed widths that one DSP multiplies: 27 x 18 bits (UG579, DSP48E2), 25 x 18
            (UG479, DSP48E1), 27 x 24 (AM004, DSP58).
    """

    def parts(wide: int, narrow: int) -> int:
        counts = (ceil_div(x - 1, port - 1) for x, port in zip((wide, narrow), ports, strict=True))
        return math.prod(max(1, count) for count in counts)

    return min(parts(a_bits, b_bits), parts(b_bits, a_bits))
