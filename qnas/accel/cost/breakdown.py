"""Cycle breakdown of a plan: the cycles and the work of each stage in one pass.

The slices add up to the plan's estimate, separately for loops and fills. A softmax beside products
of the array counts only the cycles that exceed those of the products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qnas.accel.cost.coefficients import STAGE_CYCLES
from qnas.accel.plan.plan import HardwarePlan, Stage

# Kind of a stage, by the last word of its name; a word that is not listed is the kind itself.
KIND_OF = {
    **dict.fromkeys(("patches", "position"), "load"),
    **dict.fromkeys(("norm1", "norm2", "norm"), "norm"),
    **dict.fromkeys(("q", "k", "v"), "qkv"),
}
# Kinds in a network's execution order.
KINDS = (
    *("load", "stem", "norm", "qkv", "scores", "softmax", "attend", "proj"),
    *("fc1", "fc2", "head"),
)


@dataclass(frozen=True, slots=True)
class Slice:
    """The cycles and work of one stage or of a group of stages.

    `atoms` counts products of a nibble and an activation, `macs` multiplications of whole weights;
    both are 0 for stages without products. `stream_bits` counts bits that come from DRAM.
    """

    name: str
    kind: str
    block: str
    loop_cycles: int
    fill_cycles: int
    atoms: int = 0
    macs: int = 0
    stream_bits: int = 0
    stages: int = 1

    @property
    def cycles(self) -> int:
        """Cycles of loops and fills."""
        return self.loop_cycles + self.fill_cycles

    def utilisation(self, atoms_per_cycle: int) -> float:
        """Useful products of the array as a share of its capacity over the cycles of this slice."""
        return self.atoms / (self.cycles * atoms_per_cycle) if self.cycles else 0.0


def slices(plan: HardwarePlan) -> tuple[Slice, ...]:
    """Return one slice for each stage, in execution order."""
    return tuple(_slice(stage, plan) for stage in plan.stages)


def by_kind(parts: Iterable[Slice]) -> tuple[Slice, ...]:
    """Merge slices by kind, in the network's order."""
    found = _merged(parts, lambda part: part.kind)
    order = {kind: index for index, kind in enumerate(KINDS)}
    return tuple(sorted(found, key=lambda part: order.get(part.kind, len(KINDS))))


def by_block(parts: Iterable[Slice]) -> tuple[Slice, ...]:
    """Merge slices by kind and block, in the order of the blocks."""
    return _merged(parts, lambda part: f"{part.block}/{part.kind}")


def _slice(stage: Stage, plan: HardwarePlan) -> Slice:
    products = stage.tokens * stage.inner * plan.folding.batch if stage.kind == "gemm" else 0
    fills = sum(loop.fill_cycles for loop in stage.loops)
    return Slice(
        name=stage.name,
        kind=kind_of(stage.name),
        block=block_of(stage.name),
        loop_cycles=stage.loop_cycles,
        fill_cycles=STAGE_CYCLES + fills,
        atoms=stage.slots * products,
        macs=stage.rows * products,
        stream_bits=stage.stream_words * plan.stream_bits,
    )


def kind_of(name: str) -> str:
    """Kind of a stage by its name, such as "qkv" of "block3.k"."""
    last = name.rpartition(".")[2]
    return KIND_OF.get(last, last)


def block_of(name: str) -> str:
    """Name of a stage's block, such as "block 3"; "input" before the blocks, "output" after."""
    if "." in name:
        return name.partition(".")[0].replace("block", "block ")
    return "output" if name in ("norm", "head") else "input"


def _merged(parts: Iterable[Slice], key: Callable[[Slice], str]) -> tuple[Slice, ...]:
    found: dict[str, Slice] = {}
    for part in parts:
        name = key(part)
        known = found.get(name)
        found[name] = Slice(
            name=name,
            kind=part.kind,
            block=part.block,
            loop_cycles=part.loop_cycles + (known.loop_cycles if known else 0),
            fill_cycles=part.fill_cycles + (known.fill_cycles if known else 0),
            atoms=part.atoms + (known.atoms if known else 0),
            macs=part.macs + (known.macs if known else 0),
            stream_bits=part.stream_bits + (known.stream_bits if known else 0),
            stages=part.stages + (known.stages if known else 0),
        )
    return tuple(found.values())
