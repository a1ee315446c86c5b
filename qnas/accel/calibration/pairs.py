"""Pairs: designs with estimated (`hls_*`) and implemented (`impl_*`) amounts, read from a CSV."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnas.accel.calibration.designs import DUPLICATE_RATIO, MIN_DESIGNS, Designs, Floats, Setup
from qnas.errors import ConfigError, problem

Row = Mapping[str, str | None]

# Resource -> (column of the estimate, column of the implementation). `lut` is all LUTs, `logic_lut`
# the LUTs that are neither memory nor shift register.
TARGETS: Mapping[str, tuple[str, str]] = {
    "lut": ("hls_lut", "impl_lut"),
    "logic_lut": ("hls_lut", "impl_logic_lut"),
    "ff": ("hls_ff", "impl_ff"),
    "dsp": ("hls_dsp", "impl_dsp"),
    "bram18": ("hls_bram18", "impl_bram18"),
}
FEATURES = (
    *("hls_bram18", "hls_dsp", "hls_ff", "hls_lut"),
    *("c_arith", "c_logic", "rtl_arith", "rtl_logic"),
)
REQUIRED = (*FEATURES, "impl_lut", "impl_logic_lut", "impl_ff")
OPTIONAL = ("impl_dsp", "impl_bram18")
RAMB = ("impl_ramb36", "impl_ramb18")  # sum up to `impl_bram18` if that is absent
CONDITIONS = ("part", "clk_target_ns")  # settings of the tools; optional
# The period that HLS expects, from its table of the part's delays: optional. Designs of one part
# share most of their periods; those of another part differ, even if no column names the part.
CLOCK = "clk_est_ns"
SETUP = Setup("Vivado", "implemented")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Designs with their estimates and implementations.

    Attributes:
        groups: (designs) name of each design's kernel.
        columns: (designs) numbers of each column.
        conditions: (designs) part and clock, as far as the CSV gives them.
    """

    groups: NDArray[np.str_]
    columns: Mapping[str, Floats]
    conditions: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def resources(self) -> tuple[str, ...]:
        """Names in TARGETS whose implemented amounts are given, in order."""
        return tuple(name for name, (_, impl) in TARGETS.items() if impl in self.columns)

    def subset(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Pairs:
        """Select designs by a mask or by indices."""
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Pairs(self.groups[chosen], columns, self.conditions[chosen])

    def designs(self) -> Designs:
        """The pairs as designs to learn from; their groups are the kernels."""
        targets = {name: TARGETS[name] for name in self.resources}
        return Designs(
            np.arange(len(self)).astype(np.str_),
            self.groups,
            {name: self.columns[name] for name in FEATURES},
            {name: self.columns[hls] for name, (hls, _) in targets.items()},
            {name: self.columns[impl] for name, (_, impl) in targets.items()},
            conditions=self.conditions,
            clocks_ns=self.columns.get(CLOCK),
        )


def read_pairs(path: Path, *, at_least: int = MIN_DESIGNS) -> Pairs:
    """Read the designs of a CSV.

    The columns `kernel` and those in REQUIRED must exist. Those in OPTIONAL, RAMB and CONDITIONS,
    and `design`, are used if they exist.

    Raises:
        ConfigError: The file or a column is missing, a number is negative or not finite, there are
            fewer than `at_least` designs, or duplicates of a design contradict each other.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows: list[dict[str, str | None]] = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        rule = "must be a readable CSV file"
        raise ConfigError(problem(str(path), rule, error, "Check the path.")) from None
    if len(rows) < at_least:
        rule = f"must hold at least {at_least} designs"
        raise ConfigError(problem(str(path), rule, len(rows), "Add measured designs."))
    missing = [name for name in ("kernel", *REQUIRED) if name not in rows[0]]
    if missing:
        rule = "must have the columns of pairs"
        got = f"none called {', '.join(missing)}"
        raise ConfigError(problem(str(path), rule, got, "Add them."))
    columns = _columns(path, rows)
    _refuse_contradictions(path, rows, columns)
    conditions = [" ".join(_plain(row.get(name)) for name in CONDITIONS) for row in rows]
    return Pairs(np.array([row["kernel"] or "" for row in rows]), columns, np.array(conditions))


def _columns(path: Path, rows: Sequence[Row]) -> dict[str, Floats]:
    names = (*REQUIRED, *(name for name in OPTIONAL if name in rows[0]))
    columns = {name: _column(path, rows, name) for name in names}
    if "impl_bram18" not in columns and all(name in rows[0] for name in RAMB):
        ramb36, ramb18 = (_column(path, rows, name) for name in RAMB)
        columns["impl_bram18"] = 2 * ramb36 + ramb18
    if all(row.get(CLOCK) for row in rows):
        columns[CLOCK] = _column(path, rows, CLOCK)
    return columns


def _plain(text: str | None) -> str:
    """Write equal numbers equally: 10.0 and 10 are one clock."""
    try:
        return f"{float(text or ''):g}"
    except ValueError:
        return text or ""


def _column(path: Path, rows: Sequence[Row], name: str) -> Floats:
    return np.array([_number(path, line, name, row[name]) for line, row in enumerate(rows, 2)])


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        subject = f"{path} line {line}: {name}"
        rule = "must be a finite number, not negative"
        raise ConfigError(problem(subject, rule, repr(text), "Correct or remove the row."))
    return value


def _refuse_contradictions(path: Path, rows: Sequence[Row], columns: Mapping[str, Floats]) -> None:
    """Refuse duplicates with different results.

    Kernel, name, conditions and estimates identify a design.
    """
    seen: dict[tuple[object, ...], int] = {}
    built = [name for name in columns if name not in (*FEATURES, CLOCK)]
    for index, row in enumerate(rows):
        names = (row.get(name) for name in ("kernel", "design", *CONDITIONS))
        first = seen.setdefault((*names, *(columns[name][index] for name in FEATURES)), index)
        for name in built:
            low, high = sorted((columns[name][first], columns[name][index]))
            if 1 + high > DUPLICATE_RATIO * (1 + low):
                subject = f"{path} lines {first + 2} and {index + 2}: {name}"
                rule = "must agree, as they are of one design and one estimate"
                got = f"{columns[name][first]:g} and {columns[name][index]:g}"
                raise ConfigError(problem(subject, rule, got, "Remove the wrong row."))
