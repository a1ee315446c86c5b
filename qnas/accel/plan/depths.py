"""Pipeline depths of the emitted loops: the cycles that a loop takes beyond its iterations.

Between registers that cannot be moved (those of memories and DSPs), a chain of operators takes
the sum of its delays divided by the period that Vitis HLS plans with, in whole clock cycles. The
delays are rounded up from those that its reports show for such parts. No schedule was made here; a
test holds the depths against the analysis of emitted designs (`qnas.accel.hls.analysis`): never
less, and at most nine cycles more. The formulas use numpy alone and accept a folding as well as
arrays of foldings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qnas.accel.device import Device
from qnas.accel.family import family_of
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import EXIT_STEPS
from qnas.accel.plan.memory import residual_banks, score_banks, score_bits
from qnas.accel.plan.multipliers import packing
from qnas.architecture import Architecture
from qnas.numerics import bit_length

Count = Any

UNCERTAINTY = 0.27  # of the period, kept for wires: the default of Vitis HLS (AMD UG1399)
READ, WRITE, FIFO = 2, 1, 1  # cycles of a memory read, a memory write and a stream read
CONTROL = 1  # counters and addresses
DSP = 3  # cycles of a product: operands, product, sum
WIDE_DSP = 4  # cycles of a product made by two DSPs, or followed by an addition
DIVIDER_STEPS, ROOT_STEPS = 17, 6


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays in nanoseconds of an addition (or comparison) and of a 4:1 multiplexer."""

    add_ns: float
    add_ns_per_bit: float
    choose_ns: float

    def add(self, bits: int) -> float:
        """Nanoseconds of an addition of `bits` bits."""
        return self.add_ns + bits * self.add_ns_per_bit


# Delays of 16 nm and of 28 nm parts: a 32-bit addition takes 1.0 and 2.5 ns.
ULTRASCALE, SERIES_7 = Delays(0.65, 0.011, 0.35), Delays(1.3, 0.038, 0.7)


def loop_depths(arch: Architecture, device: Device, folding: Folding) -> Mapping[str, Count]:
    """Compute the pipeline depth in cycles of every loop, by the loop's name.

    The phases of the array and the softmax beside them run in one pipeline and share its depth.
    """
    part = SERIES_7 if family_of(device.family).endswith(("-7", "-7000")) else ULTRASCALE
    clock = _Clock(part, (1 - UNCERTAINTY) * 1e3 / device.clock_mhz)
    engine = np.maximum(_array(clock, arch, device, folding), _softmax(clock, arch, folding))
    return {
        **dict.fromkeys(("prefetch", "tiles", "flush", "softmax"), engine + EXIT_STEPS),
        "normalise": _normalise(clock, folding),
        "load": FIFO + CONTROL + WRITE,
        "table": FIFO + WRITE,
        "parameters": FIFO + WRITE,
        "store": READ + FIFO,
    }


@dataclass(frozen=True, slots=True)
class _Clock:
    part: Delays
    period_ns: float

    def cycles(self, *, add: Mapping[int, Count] | None = None, choose: Count = 0) -> Count:
        """Clock cycles of a chain of operators.

        An operator never crosses a clock edge, so about half an operator's time is idle in each
        period.

        Args:
            add: Number of additions in the chain, by their width in bits.
            choose: Number of 4:1 multiplexers in the chain.
        """
        delay = choose * self.part.choose_ns
        for bits, count in (add or {}).items():
            delay = delay + count * self.part.add(bits)
        return np.ceil(np.asarray(delay) / (self.period_ns - self.part.add(16) / 2)).astype(
            np.int64
        )


def _levels(count: Count) -> Count:
    """Levels of a binary tree over `count` leaves."""
    return bit_length(np.asarray(count) - 1)


def _fours(count: Count) -> Count:
    """Levels of 4:1 multiplexers that choose one of `count` inputs."""
    return (_levels(count) + 1) // 2


def _array(clock: _Clock, arch: Architecture, device: Device, f: Folding) -> Count:
    """Depth of operands, products and sums, then of one row slot's requantization and write."""
    cascade = np.minimum(f.tk, packing(device, arch.activation_bits).cascade)
    multiply = clock.cycles(add={6: 1}) + DSP + cascade - 1
    total = clock.cycles(add={16: 1 + _levels(f.tk // cascade), 24: 1}, choose=1)
    join = clock.cycles(add={27: 1}, choose=_fours(f.tm) + 2)
    scale = WIDE_DSP + clock.cycles(add={48: 2}, choose=5)
    turn = np.maximum(np.maximum(f.tk, residual_banks(f)), score_banks(f) // f.score_pairs)
    table = READ + clock.cycles(choose=_fours(device.port_bits // 8) + _fours(turn))
    return CONTROL + READ + multiply + total + join + scale + table + WRITE


def _softmax(clock: _Clock, arch: Architecture, f: Folding) -> Count:
    """Depth of the maximum, the exponential, the sum of a row and its reciprocal."""
    bits = score_bits(arch)
    turn = _fours(score_banks(f) // f.score_pairs)
    maximum = clock.cycles(add={bits: _levels(f.vl) + 1}, choose=turn + _levels(f.vl) + 1)
    exponent = clock.cycles(add={bits: 1}) + DSP + clock.cycles(add={48: 2}, choose=4)
    entry = READ + clock.cycles(add={16: 1}, choose=3)
    total = clock.cycles(add={16: _levels(f.vl) + 1}, choose=1)
    divide = clock.cycles(add={17: DIVIDER_STEPS}, choose=DIVIDER_STEPS + 6)
    return CONTROL + READ + maximum + exponent + entry + total + divide + WRITE


def _normalise(clock: _Clock, f: Folding) -> Count:
    """Depth of one token's statistics, then of the previous token's normalisation.

    The statistics are the sums and their reciprocal root (three products). The normalisation has
    three products, two of them rounded, shifted and clipped.
    """
    turn = _fours(residual_banks(f))
    total = DSP + clock.cycles(add={41: _levels(f.vl) + 1}, choose=turn + 1)
    variance = WIDE_DSP + clock.cycles(add={54: 2})
    normal = clock.cycles(add={16: ROOT_STEPS}, choose=ROOT_STEPS + 3)
    root = normal + READ + 2 * DSP + clock.cycles(add={34: 1}) + WIDE_DSP
    clip = clock.cycles(add={48: 2}, choose=5)
    scale = clock.cycles(add={27: 1}) + WIDE_DSP + clip + WIDE_DSP + clip
    return CONTROL + READ + total + variance + root + scale + WRITE
