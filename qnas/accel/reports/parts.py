"""Part numbers: `xc7z020clg400-1`, `7z020-clg400` and `XC7Z020-CLG400-1` name the same part."""

from __future__ import annotations


def plain_part(part: str) -> str:
    """Remove the variations of tools from a part number: `xc`, dashes, capitals."""
    return part.strip().lower().replace("-", "").removeprefix("xc")


def same_part(one: str, other: str) -> bool:
    """Whether two part numbers are equal, or one is a longer form of the other."""
    a, b = plain_part(one), plain_part(other)
    return a.startswith(b) or b.startswith(a)
