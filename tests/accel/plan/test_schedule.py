"""The schedule: every operation runs once, on operands that are written and not yet overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnas.accel.plan.folding import Folding
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan, Stage
from qnas.accel.plan.schedule import schedule
from qnas.architecture import Architecture, BlockSpec
from qnas.operations import Tensor, network_operations
from tests.accel.designs import architectures, tiny, zcu102

FOLDING = Folding(tm=4, tt=2, tk=4, vl=2, head_buffers=2)


def _of_heads(heads: int) -> Architecture:
    block = tiny().blocks[0]
    return replace(tiny(), blocks=(BlockSpec(heads, block.mlp_hidden, block.w8),))


def _names(arch: Architecture, head_buffers: int) -> list[list[str]]:
    steps = schedule(arch, head_buffers)
    return [[op.name.removeprefix("block0.") for op in step] for step in steps]


@settings(deadline=None, max_examples=30)
@given(architectures())
def test_one_head_after_the_other_is_the_order_of_the_network(arch: Architecture) -> None:
    """But for the values of a block, which are made beside the softmax of its first head."""
    steps = schedule(arch, 1)
    rest = [op for op in network_operations(arch) if op.dst is not Tensor.VALUE]
    assert [step[0] for step in steps] == rest
    beside = [(step[0].name.rpartition(".")[2], [op.dst for op in step[1:]]) for step in steps]
    pairs = [found for found in beside if found[1]]
    assert pairs == [("softmax", [Tensor.VALUE])] * arch.depth


@pytest.mark.parametrize(
    ("buffers", "heads", "attention"),
    [
        (1, 1, "s0 / m0 v / a0"),
        (1, 2, "s0 / m0 v / a0 / s1 / m1 / a1"),
        (2, 1, "s0 / m0 v / a0"),
        (2, 2, "s0 / m0 v s1 / m1 a0 / a1"),
        (2, 4, "s0 / m0 v s1 / m1 a0 s2 / m2 a1 s3 / m3 a2 / a3"),
    ],
)
def test_softmax_of_a_head_beside_products(buffers: int, heads: int, attention: str) -> None:
    kinds = {"s": "scores", "m": "softmax", "a": "attend"}
    steps = [
        [x if x == "v" else f"head{x[1]}.{kinds[x[0]]}" for x in y.split()]
        for y in attention.split(" / ")
    ]
    start = [["patches"], ["position"], ["stem"], ["norm1"], ["q"], ["k"]]
    end = [["proj"], ["norm2"], ["fc1"], ["fc2"], ["norm"], ["head"]]
    assert _names(_of_heads(heads), buffers) == [*start, *steps, *end]


@settings(deadline=None, max_examples=40)
@given(architectures(), st.sampled_from((1, 2)))
def test_buffers_hold_the_head_that_is_read(arch: Architecture, head_buffers: int) -> None:
    """Each half is written by one stage of a step at most, none while another stage reads it, and
    what is read is of the reader's own head and block."""
    plan = lower(arch, zcu102(), replace(FOLDING, head_buffers=head_buffers))
    assert sorted(s.name for s in plan.stages) == sorted(op.name for op in network_operations(arch))
    holds: dict[tuple[str, int], str] = {}
    for stages in _steps(plan):
        writes, reads = [], []
        for stage in stages:
            head = stage.name.rpartition(".")[0]
            source = "scores" if stage.kind == "softmax" else stage.left
            if source in (Tensor.SCORES, Tensor.PROBS):
                assert holds[source, stage.half] == head
                reads.append((source, stage.half))
            if stage.dst in (Tensor.SCORES, Tensor.PROBS):
                writes.append(((stage.dst, stage.half), head))
        assert not {key for key, _ in writes} & set(reads)
        assert len(dict(writes)) == len(writes)
        holds |= dict(writes)


def _steps(plan: HardwarePlan) -> list[list[Stage]]:
    numbers = [stage.step for stage in plan.stages]
    assert numbers == sorted(numbers) and set(numbers) == set(range(numbers[-1] + 1))
    return [[s for s in plan.stages if s.step == step] for step in range(numbers[-1] + 1)]


def test_only_the_attention_buffers_hold_two_heads() -> None:
    one, two = (
        {
            b.name: (b.banks, b.depth)
            for b in lower(_of_heads(3), zcu102(), replace(FOLDING, head_buffers=heads)).buffers
        }
        for heads in (1, 2)
    )
    larger = {name for name in one if one[name] != two[name]}
    assert larger == {"score", "prob", "query_scale"}
    for name in larger:
        assert two[name] == (one[name][0], max(4, 2 * one[name][1]))
