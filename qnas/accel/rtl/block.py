"""Block: a building block of the accelerator with its parameters, and what it is checked with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import numpy as np

from qnas._util.serialization import Value
from qnas.accel.rtl.bits import Bits
from qnas.errors import ConfigError, nearest, problem

Family = Literal["xcup", "xc7"]
FAMILIES: tuple[Family, ...] = ("xcup", "xc7")


@dataclass(frozen=True, slots=True)
class RtlBlock(Value):
    """`kind` is a key of `kinds.KINDS`; `parameters` are its numbers, names in order.

    `family` is the device family that Yosys maps to: `xcup` UltraScale+, `xc7` the 7 series.
    """

    kind: str
    family: Family
    parameters: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, kind: str, family: Family = "xcup", /, **parameters: int) -> RtlBlock:
        return cls(kind, family, tuple(sorted(parameters.items())))

    def __getitem__(self, name: str) -> int:
        return dict(self.parameters)[name]

    @property
    def label(self) -> str:
        """`kind(tk=4, ...)`, the family named where it is not UltraScale+."""
        inside = ", ".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.kind}({inside})" + ("" if self.family == "xcup" else f" on {self.family}")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Stimuli and the integer reference's answers: (vectors, bits) each.

    `busy_cycles`: what the plan says the block is busy for; None of a block that
    does not carry out a loop.
    """

    inputs: Bits
    expected: Bits
    busy_cycles: int | None = None


Maker = Callable[[RtlBlock, np.random.Generator, int], Vectors]


@dataclass(frozen=True, slots=True)
class Kind:
    """How blocks of one kind are built and checked.

    `sources`: files in rtl/. `parameters`: names that a block must give, also the module's (in
    capitals). `vectors(block, rng, count)`: at least `count` checked answers.
    """

    name: str
    sources: tuple[str, ...]
    parameters: tuple[str, ...]
    vectors: Maker
    families: tuple[Family, ...] = FAMILIES
    series7: bool = False  # the module has DSPs: SERIES7 chooses which

    @property
    def top(self) -> str:
        return f"block_{self.name}"

    def check(self, block: RtlBlock) -> None:
        """ConfigError unless the block gives what the kind asks for."""
        given = tuple(name for name, _ in block.parameters)
        if given != tuple(sorted(self.parameters)):
            rule = f"must have the parameters {', '.join(self.parameters)}"
            raise ConfigError(problem(self.name, rule, ", ".join(given), "Correct them."))
        if block.family not in self.families:
            rule = f"is built for {', '.join(self.families)} alone"
            raise ConfigError(problem(self.name, rule, block.family, "Choose another block."))


def known(kinds: Mapping[str, Kind], name: str) -> Kind:
    """ConfigError for a name that no kind has."""
    if name not in kinds:
        raise ConfigError(
            problem("block", "must be a known kind", repr(name), nearest(name, kinds))
        )
    return kinds[name]


def folder(name: str) -> Path:
    """A folder of this package's files: `rtl`, `sim`."""
    with resources.as_file(resources.files("qnas.accel.rtl").joinpath(name)) as path:
        return Path(path)
