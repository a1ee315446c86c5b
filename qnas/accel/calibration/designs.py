"""Measured designs by column: what is known of each, its estimated and its measured amounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qnas._util.serialization import Value
from qnas.errors import ConfigError, problem

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
MIN_DESIGNS = 5
OUT_OF_DISTRIBUTION = 3.0  # widening of intervals for another part or clock: not a guarantee
APART = 15.0  # a feature's value that tells kinds apart: four doublings from none
SAME_CLOCK_NS = 0.006  # reports round to hundredths or thousandths
# Duplicates of one design differ by at most 8 % in the available pairs; a larger ratio is an error.
DUPLICATE_RATIO = 1.1
# What an estimate is of: the kernel in C++ or as RTL, a block of the RTL, or a report of HLS.
Subject = Literal["c++", "rtl", "block", "hls"]


@dataclass(frozen=True, slots=True)
class Setup(Value):
    """Conditions that measurements must share to be learned from together.

    A part of "" and a clock of 0 leave open for which the designs were built.
    """

    tool: str
    stage: str
    part: str = ""
    clock_target_ns: float = 0.0

    def __str__(self) -> str:
        target = f", {self.part}, {self.clock_target_ns:g} ns" if self.part else ""
        return f"{self.tool}, {self.stage}{target}"


@dataclass(frozen=True, slots=True, eq=False)
class Designs:
    """Designs, (designs) in every column.

    Attributes:
        names: Identifiers; equal ones are measurements of one design.
        groups: Name of the network or source that variants of one design share.
        features: Numbers from 0 up that describe a design, by name.
        estimated: Amounts by the structural estimate.
        measured: Measured amounts; NaN: not measured.
        earlier: Amounts measured at an earlier stage of the flow; NaN: not measured.
        conditions: Part and clock, where designs of several are told apart.
        clocks_ns: The period that HLS expects of each design, if it is known.
    """

    names: NDArray[np.str_]
    groups: NDArray[np.str_]
    features: Mapping[str, Floats]
    estimated: Mapping[str, Floats]
    measured: Mapping[str, Floats]
    earlier: Mapping[str, Floats] = field(default_factory=dict)
    conditions: NDArray[np.str_] | None = None
    clocks_ns: Floats | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def amounts(self) -> tuple[str, ...]:
        """The names of amounts that are estimated."""
        return tuple(self.estimated)

    def inputs(self, names: Sequence[str] = ()) -> Floats:
        """(designs, features): log2(1 + value), in the order of `names` (by default the own)."""
        zeros = np.zeros(len(self))
        columns = [self.features.get(name, zeros) for name in names or self.features]
        return np.log2(1 + np.stack(columns, axis=1)) if columns else np.zeros((len(self), 0))

    def residuals(self, name: str) -> Floats:
        """log((1 + measured) / (1 + estimated)); NaN: not measured. 1 allows amounts of zero."""
        found: Floats = np.log1p(self.measured[name]) - np.log1p(self.estimated[name])
        return found

    def subset(self, chosen: Mask | NDArray[np.int64]) -> Designs:
        """Select designs by a mask or by indices."""

        def part(columns: Mapping[str, Floats]) -> dict[str, Floats]:
            return {name: column[chosen] for name, column in columns.items()}

        return Designs(
            self.names[chosen],
            self.groups[chosen],
            part(self.features),
            part(self.estimated),
            part(self.measured),
            part(self.earlier),
            None if self.conditions is None else self.conditions[chosen],
            None if self.clocks_ns is None else self.clocks_ns[chosen],
        )

    def plus(self, other: Designs) -> Designs:
        """These designs and those of `other`, which lack conditions and clocks."""
        both = (self, other)

        def joined(name: str, missing: float) -> dict[str, Floats]:
            columns: list[Mapping[str, Floats]] = [getattr(one, name) for one in both]
            keys = dict.fromkeys(key for one in columns for key in one)
            return {
                key: np.concatenate(
                    [
                        one.get(key, np.full(len(designs), missing))
                        for one, designs in zip(columns, both, strict=True)
                    ]
                )
                for key in keys
            }

        return Designs(
            np.concatenate([self.names, other.names]),
            np.concatenate([self.groups, other.groups]),
            joined("features", 0.0),
            joined("estimated", np.nan),
            joined("measured", np.nan),
            joined("earlier", np.nan),
        )

    def merged(self, source: str) -> Designs:
        """Each design once, with the amounts of all its measurements; the last one counts.

        Args:
            source: Where the designs are from, for messages.

        Raises:
            ConfigError: Measurements of one design contradict each other.
        """
        last = {str(name): index for index, name in enumerate(self.names)}
        if len(last) == len(self):
            return self
        kept = np.array(sorted(last.values()))
        found = self.subset(kept)
        place = {str(name): index for index, name in enumerate(found.names)}
        for index, name in enumerate(self.names):
            at = place[str(name)]
            for kind in ("measured", "earlier"):
                for amount, column in getattr(self, kind).items():
                    _fill(getattr(found, kind)[amount], at, column[index], source, amount)
        return found


def _fill(column: Floats, at: int, value: float, source: str, amount: str) -> None:
    """Put a value where none is; ConfigError if another one is there."""
    if np.isnan(value):
        return
    known = column[at]
    if np.isnan(known):
        column[at] = value
    elif 1 + max(known, value) > DUPLICATE_RATIO * (1 + min(known, value)):
        rule = f"must agree on {amount} of one design"
        got = f"{value:g} and {known:g}"
        raise ConfigError(problem(source, rule, got, "Remove the wrong measurement."))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Parts and clocks of designs.

    Attributes:
        known: Parts and clocks by name; empty if designs do not tell them.
        clocks_ns: Periods that HLS expects, ascending; None if designs do not tell them.
    """

    known: frozenset[str]
    clocks_ns: Floats | None

    @classmethod
    def of(cls, designs: Designs) -> Conditions:
        """The conditions of these designs."""
        known = () if designs.conditions is None else designs.conditions.tolist()
        clocks = None if designs.clocks_ns is None else np.unique(designs.clocks_ns)
        return cls(frozenset(known), clocks)

    def unlike(self, designs: Designs) -> Mask:
        """Find designs of another part or clock, by name or by the period that HLS expects.

        On the ZCU102 pairs, 6 % of a kernel's periods differ from those of all other kernels.
        """
        unlike: Mask = np.zeros(len(designs), bool)
        if designs.conditions is not None:
            unlike |= ~np.isin(designs.conditions, sorted(self.known))
        if self.clocks_ns is not None and designs.clocks_ns is not None:
            known, found = self.clocks_ns, designs.clocks_ns
            at = np.searchsorted(known, found).clip(1, len(known) - 1) if len(known) > 1 else 0
            nearest = np.minimum(abs(known[at] - found), abs(known[np.maximum(at - 1, 0)] - found))
            unlike |= nearest > SAME_CLOCK_NS
        return unlike


@dataclass(frozen=True, slots=True)
class Columns(Value):
    """Designs as a file holds them: lists, None for what was not measured."""

    names: tuple[str, ...]
    groups: tuple[str, ...]
    features: dict[str, tuple[float, ...]]
    estimated: dict[str, tuple[float, ...]]
    measured: dict[str, tuple[float | None, ...]]
    earlier: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    conditions: tuple[str, ...] | None = None
    clocks_ns: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        tables = (self.features, self.estimated, self.measured, self.earlier)
        columns = [self.groups, *(column for table in tables for column in table.values())]
        columns += [column for column in (self.conditions, self.clocks_ns) if column is not None]
        wrong = [len(column) for column in columns if len(column) != len(self.names)]
        if wrong:
            rule = f"must be as long as `names`, {len(self.names)}"
            raise ConfigError(problem("columns", rule, wrong[0], "Fit the calibration again."))
        least = [
            min((v for v in c if v is not None), default=0.0) for t in tables for c in t.values()
        ]
        if min(least, default=0.0) < 0:
            rule, remedy = "must hold no negative number", "Fit the calibration again."
            raise ConfigError(problem("columns", rule, min(least), remedy))

    @classmethod
    def of(cls, designs: Designs) -> Columns:
        """The columns of designs."""

        def lists(table: Mapping[str, Floats]) -> dict[str, tuple[float | None, ...]]:
            return {
                name: tuple(None if np.isnan(v) else v for v in column.tolist())
                for name, column in table.items()
            }

        def full(table: Mapping[str, Floats]) -> dict[str, tuple[float, ...]]:
            return {name: tuple(column.tolist()) for name, column in table.items()}

        return cls(
            tuple(map(str, designs.names)),
            tuple(map(str, designs.groups)),
            full(designs.features),
            full(designs.estimated),
            lists(designs.measured),
            lists(designs.earlier),
            None if designs.conditions is None else tuple(map(str, designs.conditions)),
            None if designs.clocks_ns is None else tuple(designs.clocks_ns.tolist()),
        )

    def designs(self) -> Designs:
        """The designs of these columns."""

        def arrays(table: Mapping[str, Sequence[float | None]]) -> dict[str, Floats]:
            return {name: np.array(column, float) for name, column in table.items()}

        return Designs(
            np.array(self.names, np.str_),
            np.array(self.groups, np.str_),
            arrays(self.features),
            arrays(self.estimated),
            arrays(self.measured),
            arrays(self.earlier),
            None if self.conditions is None else np.array(self.conditions, np.str_),
            None if self.clocks_ns is None else np.array(self.clocks_ns, float),
        )
