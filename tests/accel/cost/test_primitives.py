"""What one memory, one product and one adder tree cost: known answers."""

from __future__ import annotations

import pytest

from qnas.accel.cost.lanes import tree_bits
from qnas.accel.cost.memories import bram18_blocks, dsp_blocks, lutram_luts, uram_blocks

DSP_PORTS = {"DSP48E1": (25, 18), "DSP48E2": (27, 18), "DSP58": (27, 24)}


@pytest.mark.parametrize(
    ("bits", "depth", "blocks"),
    [
        (36, 512, 1),
        (37, 512, 2),
        (36, 513, 2),
        (18, 1024, 1),
        (9, 2048, 1),
        (4, 4096, 1),
        (1, 16384, 1),
        (1, 16385, 2),
        (6, 1560, 1),
        (128, 512, 4),
        (72, 600, 4),
    ],
)
def test_block_ram_shapes(bits: int, depth: int, blocks: int) -> None:
    assert bram18_blocks(bits, depth) == blocks


@pytest.mark.parametrize(
    ("bits", "depth", "blocks"),
    [(1, 1, 1), (72, 4096, 1), (73, 4096, 2), (72, 4097, 2), (145, 9000, 9)],
)
def test_ultra_ram_has_one_shape(bits: int, depth: int, blocks: int) -> None:
    assert uram_blocks(bits, depth) == blocks


@pytest.mark.parametrize(
    ("bits", "depth", "luts"),
    [(6, 32, 4), (14, 32, 8), (15, 32, 12), (3, 64, 4), (7, 64, 8), (8, 64, 12), (7, 128, 16 + 7)],
)
def test_lut_ram_shapes(bits: int, depth: int, luts: int) -> None:
    assert lutram_luts(bits, depth) == luts
    extra = (depth > 64) * bits
    assert lutram_luts(bits, depth, smallest=8) == -(-(luts - extra) // 8) * 8 + extra


@pytest.mark.parametrize(
    ("dsp", "a", "b", "blocks"),
    [
        *[("DSP48E2", *x) for x in ((4, 6, 1), (27, 18, 1), (18, 27, 1), (28, 18, 2))],
        *[("DSP48E2", *x) for x in ((27, 19, 2), (27, 27, 2), (41, 11, 2), (40, 40, 6))],
        *[("DSP48E1", *x) for x in ((25, 18, 1), (21, 18, 1), (27, 18, 2), (18, 27, 2))],
        *[("DSP48E1", *x) for x in ((27, 27, 4), (41, 11, 2))],
        *[("DSP58", *x) for x in ((27, 24, 1), (27, 18, 1), (27, 27, 2), (34, 17, 2))],
    ],
)
def test_dsp_ports(dsp: str, a: int, b: int, blocks: int) -> None:
    assert dsp_blocks(a, b, ports=DSP_PORTS[dsp]) == blocks


@pytest.mark.parametrize("levels", range(8))
def test_adder_tree_in_closed_form(levels: int) -> None:
    tk = 1 << levels
    assert tree_bits(10, tk, levels) == sum((tk >> i) * (10 + i) for i in range(1, levels + 1))
