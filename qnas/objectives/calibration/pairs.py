"""Pairs: designs with an estimate (`hls_*`) and what was implemented (`impl_*`), from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas.errors import ConfigError, problem

Floats = NDArray[np.float64]

# Resource -> (its estimate, what was implemented). `lut` is all LUTs, `logic_lut` those that are
# neither memory nor shift register.
TARGETS: Mapping[str, tuple[str, str]] = {
    "lut": ("hls_lut", "impl_lut"),
    "logic_lut": ("hls_lut", "impl_logic_lut"),
    "ff": ("hls_ff", "impl_ff"),
}
FEATURES = (
    *("hls_bram18", "hls_dsp", "hls_ff", "hls_lut"),
    *("c_arith", "c_logic", "rtl_arith", "rtl_logic"),
)
MIN_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Pairs:
    """`columns` are numbers, one a design; `groups` name the kernel of each design."""

    groups: NDArray[np.str_]
    columns: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.groups)

    def subset(self, chosen: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.groups[chosen], {k: v[chosen] for k, v in self.columns.items()})

    def log_estimates(self) -> Floats:
        """(designs, resources): logarithms of the estimates of TARGETS."""
        return np.log(np.stack([self.columns[raw] for raw, _ in TARGETS.values()], axis=1))

    def log_residuals(self) -> Floats:
        """(designs, resources): log(implemented / estimated)."""
        built = np.stack([self.columns[impl] for _, impl in TARGETS.values()], axis=1)
        return np.log(built) - self.log_estimates()


def read_pairs(path: Path) -> Pairs:
    """The designs of a CSV with a column `kernel`, FEATURES and TARGETS.

    ConfigError for a missing file or column, for what is no finite number or negative, for a zero
    where a ratio is taken, and for fewer than MIN_PAIRS designs.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        rule = "must be a readable CSV file"
        raise ConfigError(problem(str(path), rule, error, "Check the path.")) from None
    if len(rows) < MIN_PAIRS:
        rule = f"must hold at least {MIN_PAIRS} designs"
        raise ConfigError(problem(str(path), rule, len(rows), "Add measured designs."))
    built = {name for pair in TARGETS.values() for name in pair}
    names = dict.fromkeys((*FEATURES, *sorted(built)))
    missing = [name for name in ("kernel", *names) if name not in rows[0]]
    if missing:
        rule = "must have the columns of pairs"
        got = f"none called {', '.join(missing)}"
        raise ConfigError(problem(str(path), rule, got, "Add them."))
    columns = {n: _column(path, rows, n, positive=n in built) for n in names}
    return Pairs(np.array([row["kernel"] or "" for row in rows]), columns)


def _column(path: Path, rows: list[dict[str, str]], name: str, *, positive: bool) -> Floats:
    values = [_number(path, line, name, row[name]) for line, row in enumerate(rows, start=2)]
    for line, value in enumerate(values, start=2):
        if value < 0 or (positive and value == 0):
            rule = "must be above 0" if positive else "must not be negative"
            subject = f"{path} line {line}: {name}"
            raise ConfigError(problem(subject, rule, value, "Correct or remove the row."))
    return np.array(values)


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        subject = f"{path} line {line}: {name}"
        rule = "must be a finite number"
        raise ConfigError(problem(subject, rule, repr(text), "Correct or remove the row."))
    return value
