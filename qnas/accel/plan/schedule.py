"""The schedule: the order of a network's operations, and which of them run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from qnas.architecture import Architecture
from qnas.operations import Operation, Tensor, network_operations

ATTENTION = (Tensor.SCORES, Tensor.PROBS, Tensor.ATTENDED)
BLOCK_ATTENTION = (Tensor.VALUE, *ATTENTION)
Step = tuple[Operation, ...]


def schedule(arch: Architecture, head_buffers: int) -> tuple[Step, ...]:
    """Divide a network's operations into steps; the operations of one step run side by side.

    The softmax of a block's first head runs beside the product that makes the values. With one head
    buffer every other operation is a step of its own, in the network's order. With two, the softmax
    of head h runs beside the array, which multiplies the probabilities of head h - 1 and then
    computes the scores of head h + 1. Such a step lists the softmax first, then the array's
    operations in execution order.

    Returns:
        Steps in execution order.
    """
    steps: list[Step] = []
    for attention, group in groupby(network_operations(arch), lambda op: op.dst in BLOCK_ATTENTION):
        if attention:
            steps += _attention(list(group), head_buffers)
        else:
            steps += [(op,) for op in group]
    return tuple(steps)


def buffer_index(op: Operation, head_buffers: int) -> int:
    """Index of the attention buffers (scores, probabilities, scales) that an operation uses."""
    return int(getattr(op, "head", 0)) % head_buffers if op.dst in ATTENTION else 0


def _attention(operations: Sequence[Operation], head_buffers: int) -> Iterator[Step]:
    """Yield the steps of one block's attention, from the values on.

    The scores of the first head come before all else: its softmax has the values beside it.
    """
    values, scores, softmaxes, attends = (
        [op for op in operations if op.dst is tensor] for tensor in BLOCK_ATTENTION
    )
    yield (scores[0],)
    for head, softmax in enumerate(softmaxes):
        beside = values if head == 0 else attends[head - 1 : head]
        following = scores[head + 1 : head + 2]
        if head_buffers == 2:
            yield (softmax, *beside, *following)
            continue
        yield (softmax, *(values if head == 0 else []))
        yield (attends[head],)
        yield from ((one,) for one in following)
    if head_buffers == 2:
        yield (attends[-1],)
