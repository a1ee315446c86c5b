"""Names of parts: `xc7z020clg400-1`, `7z020-clg400`, `XC7Z020-CLG400-1` are of one part."""

from __future__ import annotations


def plain_part(part: str) -> str:
    """A part's name without what tools write or leave out: `xc`, dashes, capitals."""
    return part.strip().lower().replace("-", "").removeprefix("xc")


def same_part(one: str, other: str) -> bool:
    """Whether two names of parts are equal, or one names the other in full."""
    a, b = plain_part(one), plain_part(other)
    return a.startswith(b) or b.startswith(a)
