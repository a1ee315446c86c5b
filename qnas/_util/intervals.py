"""Intervals of counted shares."""

from __future__ import annotations


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval (low, high) of a `share` of `count` independent cases (Wilson, 1927); all
    three are fractions."""
    from scipy.stats import binomtest

    found = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def accuracy_text(share: float, count: int, *, separator: str = " ") -> str:
    """Format an accuracy with its number of images: "96.67% of 360 (94.27% to 98.09%)"."""
    low, high = wilson_interval(share, count)
    return f"{share:.2%} of {count:,}{separator}({low:.2%} to {high:.2%})"
