"""Slices of a plan add up to its estimate, however they are put together."""

from __future__ import annotations

from hypothesis import given, settings

from qnas.accel.cost.analytic import estimate
from qnas.accel.cost.breakdown import KINDS, Slice, by_block, by_kind, slices
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.architecture import Architecture
from qnas.operations import Gemm, network_operations
from qnas.spaces import load_space
from tests.accel.designs import architectures, foldings, zcu102


def _totals(parts: tuple[Slice, ...]) -> tuple[int, ...]:
    fields = ("loop_cycles", "fill_cycles", "atoms", "macs", "stream_bits", "stages")
    return tuple(sum(getattr(part, field) for part in parts) for field in fields)


@settings(max_examples=40, deadline=None)
@given(architectures(), foldings())
def test_slices_add_up_to_the_estimate(arch: Architecture, folding: Folding) -> None:
    plan = lower(arch, zcu102(), folding)
    parts, whole = slices(plan), estimate(plan)
    loops, fills, atoms, _, stream, stages = _totals(parts)
    assert (loops, fills, stages) == (whole.loop_cycles, whole.fill_cycles, len(plan.stages))
    of_one = sum(op.atoms for op in network_operations(arch) if isinstance(op, Gemm))
    assert atoms == of_one * folding.batch
    assert stream == plan.stream_bits * plan.stream_words
    assert _totals(by_kind(parts)) == _totals(by_block(parts)) == _totals(parts)


def test_kinds_and_blocks_of_a_network() -> None:
    arch = load_space("digits").middle()
    parts = slices(lower(arch, zcu102(), Folding(tm=8, tt=4, tk=8, vl=4)))
    assert tuple(part.kind for part in by_kind(parts)) == KINDS
    blocks = list(dict.fromkeys(part.block for part in by_block(parts)))
    assert blocks == ["input", *(f"block {i}" for i in range(arch.depth)), "output"]


def test_the_array_is_never_more_than_fully_used() -> None:
    plan = lower(load_space("digits").largest(), zcu102(), Folding(tm=8, tt=4, tk=8, vl=4))
    for part in slices(plan):
        assert 0.0 <= part.utilisation(plan.folding.atoms_per_cycle) <= 1.0
        assert part.utilisation(plan.folding.atoms_per_cycle) == 0.0 or part.atoms
