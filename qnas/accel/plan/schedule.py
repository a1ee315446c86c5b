"""The schedule: the order of a network's operations, and which of them run side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from qnas.architecture import Architecture
from qnas.operations import Operation, Tensor, network_operations

ATTENTION = (Tensor.SCORES, Tensor.PROBS, Tensor.ATTENDED)
Step = tuple[Operation, ...]


def schedule(arch: Architecture, head_buffers: int) -> tuple[Step, ...]:
    """Divide a network's operations into steps; the operations of one step run side by side.

    With one head buffer every operation is a step of its own, in the network's order. With two, the
    softmax of head h runs beside the array, which multiplies the probabilities of head h - 1 and
    then computes the scores of head h + 1. Such a step lists the softmax first, then the array's
    operations in execution order.

    Returns:
        Steps in execution order.
    """
    steps: list[Step] = []
    for in_attention, group in groupby(network_operations(arch), lambda op: op.dst in ATTENTION):
        if in_attention and head_buffers == 2:
            steps += _pipelined(list(group))
        else:
            steps += [(op,) for op in group]
    return tuple(steps)


def buffer_index(op: Operation, head_buffers: int) -> int:
    """Index of the attention buffers (scores, probabilities, scales) that an operation uses."""
    return int(getattr(op, "head", 0)) % head_buffers if op.dst in ATTENTION else 0


def _pipelined(operations: Sequence[Operation]) -> Iterator[Step]:
    """Pipeline the scores, softmax and value products of consecutive heads, one step apart."""
    scores, softmaxes, attends = (
        [op for op in operations if op.dst is tensor] for tensor in ATTENTION
    )
    heads = len(softmaxes)
    for head in range(-1, heads + 1):  # the head of this step's softmax
        products = [*attends[max(head - 1, 0) : max(head, 0)], *scores[head + 1 : head + 2]]
        yield (*softmaxes[max(head, 0) : max(head + 1, 0)], *products)
