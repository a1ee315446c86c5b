"""The walk: in which order the operations of a network run, and which of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from qnas.architecture import Architecture
from qnas.operations import Operation, Tensor, network_operations

ATTENTION = (Tensor.SCORES, Tensor.PROBS, Tensor.ATTENDED)
Step = tuple[Operation, ...]


def walk(arch: Architecture, head_buffers: int) -> tuple[Step, ...]:
    """Steps in execution order; operations of one step run side by side.

    With buffers for one head every operation is a step of its own, in the network's order. With
    two, the softmax of a head runs beside the array, which multiplies the probabilities of the head
    before and then makes the scores of the head after: in a step the softmax comes first, then the
    array's operations in the order in which it does them.
    """
    steps: list[Step] = []
    for in_attention, group in groupby(network_operations(arch), lambda op: op.dst in ATTENTION):
        if in_attention and head_buffers == 2:
            steps += _pipelined(list(group))
        else:
            steps += [(op,) for op in group]
    return tuple(steps)


def half_of(op: Operation, head_buffers: int) -> int:
    """Which of the buffers of scores, probabilities and scales an operation of attention uses."""
    return int(getattr(op, "head", 0)) % head_buffers if op.dst in ATTENTION else 0


def _pipelined(operations: Sequence[Operation]) -> Iterator[Step]:
    """Scores, softmax and product with the values of each head, a step apart."""
    scores, softmaxes, attends = (
        [op for op in operations if op.dst is tensor] for tensor in ATTENTION
    )
    heads = len(softmaxes)
    for head in range(-1, heads + 1):  # whose softmax it is
        products = [*attends[max(head - 1, 0) : max(head, 0)], *scores[head + 1 : head + 2]]
        yield (*softmaxes[max(head, 0) : max(head + 1, 0)], *products)
