"""Numbers as tools print them: separators, ranges, units, and several words for "unknown"."""

from __future__ import annotations

import re
from decimal import Decimal

from qnas.errors import ReportError, problem

UNKNOWN = frozenset(
    {"", "-", "--", "?", "undef", "undefined", "na", "n/a", "nan", "inf", "none", "x"}
)
NUMBER = re.compile(r"\d{1,18}(\.\d{1,12})?(e\+?\d{1,2})?")
SEPARATED = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?")
PERIOD = re.compile(r"(-?\d{1,9}(?:\.\d{1,12})?)\s*(ns|ps|us|mhz)?")
LARGEST = 1 << 63
RULE = "must be a number"
REMEDY = "Write the report again; if it is whole, its format is not known to qnas."


def count(text: str | None, *, where: str) -> int | None:
    """Read a whole number: `1,234`, `12.0`, `1.5e3`; None for `undef`, `?`, `N/A` and empty text.

    A range (`11 ~ 15`) gives its largest number. A ReportError names the place `where` (file and
    line).
    """
    value = amount(text, where=where)
    if value is None:
        return None
    if value != int(value):
        raise ReportError(problem(where, "must be a whole number", repr(text), REMEDY))
    return int(value)


def amount(text: str | None, *, where: str) -> Decimal | None:
    """Read a number as `count` does, but allow halves, as in Vivado's tiles of 36 Kb."""
    parts = [_plain(part, where) for part in (text or "").split("~")]
    return None if None in parts else max(part for part in parts if part is not None)


def doubled(text: str | None, *, where: str) -> int | None:
    """Read a number of 36 Kb tiles, halves allowed, and return it doubled, as `bram18` counts."""
    tiles = amount(text, where=where)
    if tiles is not None and tiles * 2 != int(tiles * 2):
        raise ReportError(problem(where, f"{RULE} of halves", repr(text), REMEDY))
    return None if tiles is None else int(tiles * 2)


def megahertz(text: str | None, *, where: str) -> float | None:
    """Read a frequency in MHz and return its period in ns."""
    cleaned = (text or "").strip().lower().removesuffix("mhz").strip()
    period = None if cleaned in UNKNOWN else nanoseconds(f"{cleaned} mhz", where=where)
    return None if period is None else round(period, 6)


def _plain(text: str, where: str) -> Decimal | None:
    cleaned = text.strip().lower()
    if cleaned in UNKNOWN:
        return None
    if SEPARATED.fullmatch(cleaned):
        cleaned = cleaned.replace(",", "")
    if not NUMBER.fullmatch(cleaned) or (value := Decimal(cleaned)) >= LARGEST:
        raise ReportError(problem(where, RULE, repr(text.strip()[:60]), REMEDY))
    return value


def nanoseconds(text: str | None, *, where: str) -> float | None:
    """Read a period or slack, in ns unless another unit follows; None if it is unknown."""
    cleaned = (text or "").strip().lower()
    if cleaned in UNKNOWN:
        return None
    found = PERIOD.fullmatch(cleaned)
    if not found:
        raise ReportError(problem(where, RULE, repr(cleaned[:60]), REMEDY))
    value, unit = float(found[1]), found[2] or "ns"
    if unit == "mhz":
        return 1e3 / value if value > 0 else None
    return value * {"ns": 1.0, "ps": 1e-3, "us": 1e3}[unit]
