"""Conversions between units, small arithmetic, and numbers and names as users read them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal


def cycles_to_ms(cycles: float, *, clock_mhz: float) -> float:
    """Milliseconds that `cycles` take at `clock_mhz`."""
    return cycles / (clock_mhz * 1e3)


def fps(cycles: float, *, clock_mhz: float, batch: int = 1) -> float:
    """Images per second of a stream in which each `batch` of them takes `cycles` at `clock_mhz`."""
    return clock_mhz * 1e6 * batch / cycles


def pass_name(batch: int) -> str:
    """What goes through a kernel at a time: an image, or the images of a batch."""
    return "image" if batch == 1 else f"pass of {batch} images"


def in_passes(batch: int) -> str:
    """What to say behind "FPS" of images that go through a kernel in batches."""
    return "" if batch == 1 else f" in passes of {batch} images"


def plain_number(value: float, *, digits: int = 4) -> str:
    """Format a number without an exponent: `digits` significant digits, or all of the digits before
    the point; commas between thousands."""
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.{digits}g}'):,f}"


def counted(number: int, noun: str) -> str:
    """Format a number with its noun: "1 pick", "2 picks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], *, most: int) -> str:
    """Format the first `most` names and the number of further ones: "a, b and 3 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def ceil_div(value: int, by: int) -> int:
    """Smallest integer not below value / by, for by > 0."""
    return -(-value // by)


def is_power_of_two(value: int) -> bool:
    """Whether `value` is 1, 2, 4, ..."""
    return value >= 1 and value & (value - 1) == 0
