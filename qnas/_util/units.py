"""Conversions between units."""

from __future__ import annotations


def cycles_to_ms(cycles: float, *, clock_mhz: float) -> float:
    """Milliseconds that `cycles` take at `clock_mhz`."""
    return cycles / (clock_mhz * 1e3)


def fps(cycles: float, *, clock_mhz: float) -> float:
    """Images per second of a stream in which each image takes `cycles` at `clock_mhz`."""
    return clock_mhz * 1e6 / cycles


def ceil_div(value: int, by: int) -> int:
    """Smallest integer not below value / by, for by > 0."""
    return -(-value // by)
