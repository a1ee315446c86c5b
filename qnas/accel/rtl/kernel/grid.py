"""The kernels of the measured table, by name: networks, folding and board.

Sizes from a space of 8 x 8 digits to DeiT-S at 224 pixels; 6 and 8 bits; one to four weight ports;
one and two networks; one to eight images a pass; UltraScale+ and 7-series devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from qnas.accel.device import load_device
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture, BlockSpec, W8Shares

DIGITS = Folding(tm=8, tt=4, tk=8, vl=4)
SMALL = Folding(tm=8, tt=8, tk=16, vl=8, head_buffers=2, drain_pairs=2, score_pairs=2)
DEIT = Folding(tm=16, tt=14, tk=16, vl=16, head_buffers=2, score_pairs=2, load_pairs=2)

# Foldings as a search for the most images a second finds them.
WIDE = Folding(tm=2, tt=17, tk=32, vl=32, head_buffers=2, weight_ports=4, lut_tokens=1)
EIGHT_IMAGES = replace(WIDE, batch=8)
FOUR_IMAGES = replace(WIDE, tm=4, lut_tokens=3, drain_pairs=2, score_pairs=2, load_pairs=2, batch=4)


@dataclass(frozen=True, slots=True)
class Kernel:
    """Networks of one kernel under a folding.

    Attributes:
        simulated: Whether the table's cycles are counted in a simulation. Those of the others are
            computed (`cycles.py`), which is exact to the clock wherever both are known.
    """

    archs: tuple[Architecture, ...]
    folding: Folding
    device: str = "zcu102"
    simulated: bool = True

    def plans(self) -> list[HardwarePlan]:
        """The plans of its networks."""
        board = load_device(self.device)
        return [lower(arch, board, self.folding, share_with=self.archs) for arch in self.archs]


def network(
    side: int,
    patch: int,
    *,
    channels: int,
    dim: int,
    depth: int,
    heads: int,
    bits: int = 6,
    classes: int = 10,
    head_dim: int = 16,
    expansion: int = 2,
) -> Architecture:
    """A network of equal blocks with all kinds of rows."""
    block = BlockSpec(heads, expansion * dim, W8Shares(2, 8, 0, 4))
    return Architecture(
        image_size=side,
        patch_size=patch,
        in_channels=channels,
        num_classes=classes,
        embed_dim=dim,
        head_dim=head_dim,
        blocks=(block,) * depth,
        stem_w8=8,
        head_w8=4,
        activation_bits=bits,
    )


def digits(dim: int = 40, depth: int = 2, bits: int = 6) -> Architecture:
    """Images of 8 x 8 pixels."""
    return network(8, 2, channels=1, dim=dim, depth=depth, heads=2, bits=bits)


def small28(bits: int = 6, dim: int = 48) -> Architecture:
    """Images of 28 x 28 pixels."""
    return network(28, 4, channels=1, dim=dim, depth=2, heads=2, bits=bits)


def small32(bits: int = 6, depth: int = 3) -> Architecture:
    """Images of CIFAR's size."""
    return network(32, 4, channels=3, dim=48, depth=depth, heads=2, bits=bits)


def deit(dim: int, heads: int, bits: int = 6) -> Architecture:
    """DeiT (arXiv:2012.12877, table 1) at 224 pixels: 12 blocks, heads of 64 channels."""
    return network(
        *(224, 16),
        channels=3,
        dim=dim,
        depth=12,
        heads=heads,
        bits=bits,
        classes=1000,
        head_dim=64,
        expansion=4,
    )


def _digits() -> Iterator[tuple[str, Kernel]]:
    one = (digits(),)
    yield "digits", Kernel(one, DIGITS)
    buffers = replace(DIGITS, head_buffers=2, drain_pairs=2, score_pairs=2)
    yield "digits, two head buffers", Kernel(one, buffers)
    yield "digits, two weight ports", Kernel(one, replace(DIGITS, weight_ports=2))
    yield "digits, four weight ports", Kernel(one, replace(DIGITS, weight_ports=4))
    yield "digits, slots in LUTs", Kernel(one, replace(DIGITS, lut_slots=4))
    yield "digits, all slots in LUTs", Kernel(one, replace(DIGITS, lut_slots=8))
    yield "digits, tokens in LUTs", Kernel(one, replace(DIGITS, lut_tokens=1))
    yield "digits, pairs at once", Kernel(one, replace(DIGITS, score_pairs=2, load_pairs=2))
    yield "digits, 8 bits", Kernel((digits(bits=8),), DIGITS)
    eight = replace(DIGITS, head_buffers=2)
    yield "digits, 8 bits, two head buffers", Kernel((digits(bits=8),), eight)
    yield "digits, DSP48E1", Kernel(one, DIGITS, "pynq_z2")
    yield "digits, DSP48E1, 8 bits", Kernel((digits(bits=8),), DIGITS, "pynq_z2")
    yield "digits, two networks", Kernel((digits(), digits(dim=32, depth=3)), DIGITS)
    yield "digits, narrow", Kernel(one, Folding(tm=2, tt=1, tk=4, vl=2))
    yield "digits, batch of 2", Kernel(one, replace(DIGITS, batch=2))
    yield "digits, batch of 4", Kernel(one, FOUR_IMAGES)
    yield "digits, batch of 8", Kernel(one, EIGHT_IMAGES)
    wide = Folding(tm=16, tt=6, tk=16, vl=8, drain_pairs=2, score_pairs=4, load_pairs=2)
    yield "digits, wide", Kernel(one, wide)
    yield "digits, dim 32", Kernel((digits(dim=32),), DIGITS, simulated=False)
    yield "digits, dim 56", Kernel((digits(dim=56),), DIGITS, simulated=False)
    tokens = replace(DIGITS, tt=2)
    yield "digits, two tokens", Kernel(one, tokens, simulated=False)
    yield "digits, four slots", Kernel(one, replace(DIGITS, tm=4), simulated=False)


def _small() -> Iterator[tuple[str, Kernel]]:
    one, large = (small28(),), (small32(),)
    yield "small28", Kernel(one, SMALL)
    yield "small28, 8 bits", Kernel((small28(8),), SMALL)
    yield "small28, two weight ports", Kernel(one, replace(SMALL, weight_ports=2))
    yield "small28, one head buffer", Kernel(one, replace(SMALL, head_buffers=1))
    pair = (small28(), small28(dim=64))
    yield "small28, two networks", Kernel(pair, SMALL, simulated=False)
    yield "small28, narrow", Kernel(one, DIGITS, simulated=False)
    yield "small32", Kernel(large, SMALL)
    yield "small32, 8 bits", Kernel((small32(8),), SMALL)
    yield "small32, four weight ports", Kernel(large, replace(SMALL, weight_ports=4))
    yield "small32, narrow", Kernel(large, DIGITS, simulated=False)
    yield "small32, six blocks", Kernel((small32(depth=6),), SMALL, simulated=False)


def _deit() -> Iterator[tuple[str, Kernel]]:
    def large(arch: Architecture, folding: Folding) -> Kernel:
        return Kernel((arch,), folding, simulated=False)

    tiny, small = deit(192, 3), deit(384, 6)
    yield "DeiT-T", large(tiny, DEIT)
    yield "DeiT-T, four weight ports", large(tiny, replace(DEIT, weight_ports=4))
    yield "DeiT-T, 8 bits", large(deit(192, 3, 8), replace(DEIT, tt=7))
    yield "DeiT-T, small array", large(tiny, SMALL)
    yield "DeiT-S", large(small, replace(DEIT, weight_ports=4))


KERNELS: Mapping[str, Kernel] = MappingProxyType(dict([*_digits(), *_small(), *_deit()]))
