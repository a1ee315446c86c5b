"""The quantized matrices of a subnet; matrices with the same input are stacked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from qnas.supernet.cpu import native
from qnas.supernet.cpu.functions import apply
from qnas.supernet.weights import W4, W8, MatrixWeights

ROW_BOUNDS = (*W4, W8[1])


@dataclass(frozen=True, eq=False)
class Stack:
    """Matrices with the same input, stacked by rows; a stack of one matrix may have a scale for
    each row. Scaling the matrix needs far fewer products than scaling the tokens."""

    parts: tuple[MatrixWeights, ...]
    scale: Tensor | None = None

    def of(self, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Stacked weight and bias, scaled, with `weights` in place of the parts' own."""
        weight, bias = torch.cat(list(weights)), torch.cat([part.bias for part in self.parts])
        scale = self.scale
        return (weight, bias) if scale is None else (weight * scale[:, None], bias * scale)


def quantized_matrices(stacks: Sequence[Stack]) -> list[tuple[Tensor, Tensor]]:
    """Quantized (weight, bias) of every stack, all computed in one node of the graph."""
    parts = [part for stack in stacks for part in stack.parts]
    if not all(native.takes(part.whole_weight) for part in parts):
        return [stack.of([part.quantized() for part in stack.parts]) for stack in stacks]
    shared = ((m.whole_weight, m.whole_bias, m.log_step4, m.log_step8) for m in parts)
    scales = (stack.scale for stack in stacks)
    found = apply(_Matrices, stacks, *(t for four in shared for t in four), *scales)
    return list(zip(found[::2], found[1::2], strict=True))


def plain_matrices(stacks: Sequence[Stack]) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of every stack, without quantization."""
    return [stack.of([part.weight for part in stack.parts]) for stack in stacks]


class _Matrices(Function):
    """The graph node. Its tensors: four per part of each stack, then the scale of each stack."""

    @staticmethod
    def forward(ctx: Any, stacks: Sequence[Stack], *tensors: Tensor | None) -> tuple[Tensor, ...]:
        ctx.stacks = stacks
        ctx.save_for_backward(*tensors)
        outs: list[Tensor] = []
        for stack, parts, scale in _stacked(stacks, tensors):
            rows, inner = sum(m.rows for m in stack.parts), stack.parts[0].inner
            out, bias, first = torch.empty(rows, inner), torch.empty(rows), 0
            for m, four in zip(stack.parts, parts, strict=True):
                to, to_bias = out[first : first + m.rows], bias[first : first + m.rows]
                sizes = m.rows, inner, four[0].stride(0)
                arrays = *four, m.is_w8, scale, to, to_bias
                native.run("quantize_matrix", *arrays, *sizes, *ROW_BOUNDS)
                first += m.rows
            outs += [out, bias]
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        found: list[Tensor] = []
        of_scales: list[Tensor | None] = []
        pairs = zip(grads[::2], grads[1::2], strict=True)
        each = zip(pairs, _stacked(ctx.stacks, ctx.saved_tensors), strict=True)
        for (grad, bias_grad), (stack, parts, scale) in each:
            grad, bias_grad, first = grad.contiguous(), bias_grad.contiguous(), 0
            of_scales.append(None if scale is None else torch.empty_like(scale))
            for m, four in zip(stack.parts, parts, strict=True):
                rows, to = slice(first, first + m.rows), [torch.empty_like(t) for t in four]
                arrays = grad[rows], bias_grad[rows], *four, m.is_w8, scale, *to, of_scales[-1]
                sizes = m.rows, m.inner, four[0].stride(0), len(four[0])
                native.run("quantize_matrix_backward", *arrays, *sizes, *ROW_BOUNDS)
                found += to
                first += m.rows
        return None, *found, *of_scales


def _stacked(
    stacks: Sequence[Stack], tensors: Sequence[Any]
) -> Iterator[tuple[Stack, list[Sequence[Tensor]], Tensor | None]]:
    """Each stack, its parts' tensors and its scale, taken from the tensors of all stacks."""
    fours = (tensors[i : i + 4] for i in range(0, len(tensors) - len(stacks), 4))
    for stack, scale in zip(stacks, tensors[len(tensors) - len(stacks) :], strict=True):
        yield stack, list(islice(fours, len(stack.parts))), scale
