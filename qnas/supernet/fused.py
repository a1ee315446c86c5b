"""What a subnet computes between its matrix products: quantizers together with what lies in front
of them. Each is one pass over memory each way where passes.cpp takes the tensor, float32 on a CPU;
anywhere else the same of torch's operators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from qnas.numerics import EXP_FRACTION, NIBBLE_MAX
from qnas.supernet.native import Passes, passes_for
from qnas.supernet.quantizers import fake_quantize, fake_quantize_probs, on_grid
from qnas.supernet.weights import W4, W8, MatrixWeights, hidden_low

ROW_BOUNDS = (*W4, W8[1])
Bounds = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Stack:
    """Matrices that multiply the same, one below the other, and a scale for each of the rows (of
    one matrix alone): on the matrix rather than on the tokens it is many fewer products."""

    parts: tuple[MatrixWeights, ...]
    scale: Tensor | None = None

    def of(self, weights: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """These weights for those of the parts, and the biases, scaled."""
        weight, bias = torch.cat(list(weights)), torch.cat([part.bias for part in self.parts])
        scale = self.scale
        return (weight, bias) if scale is None else (weight * scale[:, None], bias * scale)


def quantized_matrices(stacks: Sequence[Stack]) -> list[tuple[Tensor, Tensor]]:
    """(weight, bias) of every stack, quantized: all of a subnet's in one node of the graph."""
    parts = [part for stack in stacks for part in stack.parts]
    if not all(passes_for(part.whole_weight) for part in parts):
        return [stack.of([part.quantized() for part in stack.parts]) for stack in stacks]
    shared = ((m.whole_weight, m.whole_bias, m.log_step4, m.log_step8) for m in parts)
    scales = (stack.scale for stack in stacks)
    found = _run(_Matrices, stacks, *(t for four in shared for t in four), *scales)
    return list(zip(found[::2], found[1::2], strict=True))


def plain_matrices(stacks: Sequence[Stack]) -> list[tuple[Tensor, Tensor]]:
    """The same without quantization."""
    return [stack.of([part.weight for part in stack.parts]) for stack in stacks]


def quantized_norm(
    x: Tensor, gain: Tensor, bias: Tensor, epsilon: float, *, log_step: Tensor, limit: int
) -> Tensor:
    """LayerNorm over the last axis, on the grid -limit..limit."""
    if passes_for(x):
        result: Tensor = _run(_Norm, x, gain, bias, log_step, epsilon, limit)
        return result
    y = F.layer_norm(x, x.shape[-1:], gain, bias, epsilon)
    return fake_quantize(y, log_step, -limit, limit)


def quantized_heads(
    x: Tensor, log_steps: Sequence[Tensor], limits: Sequence[int], num_heads: int
) -> tuple[Tensor, ...]:
    """Queries, keys and values side by side, x (B, N, 3 * H * K), each on a grid of its own and
    cut into heads: (B, H, N, K)."""
    if passes_for(x):
        cut: tuple[Tensor, ...] = _run(_Heads, x, num_heads, tuple(limits), *log_steps)
        return cut
    parts = zip(x.chunk(len(limits), dim=-1), log_steps, limits, strict=True)
    return tuple(heads(fake_quantize(y, step, -m, m), num_heads) for y, step, m in parts)


def quantized_joined(x: Tensor, *, log_step: Tensor, limit: int) -> Tensor:
    """Heads (B, H, N, K) joined to (B, N, H * K), on the grid -limit..limit."""
    if passes_for(x):
        result: Tensor = _run(_Joined, x, log_step, limit)
        return result
    return fake_quantize(joined(x), log_step, -limit, limit)


def quantized_hidden(
    x: Tensor, *, log_step_in: Tensor, bounds: Bounds, log_step: Tensor, act_max: int
) -> Tensor:
    """x on the grid of `bounds`, through GELU, and on the grid of its output (`hidden_low`)."""
    if passes_for(x):
        result: Tensor = _run(_Hidden, x, log_step_in, log_step, bounds, 2 * act_max)
        return result
    y, low = F.gelu(fake_quantize(x, log_step_in, *bounds)), hidden_low(log_step)
    return fake_quantize(y, log_step, low, low + 2 * act_max)


def added(residual: Tensor, update: Tensor, step: Tensor) -> Tensor:
    """The residual, (B, N, D) or (N, D), plus the update (B, N, D) on the residual's grid."""
    if passes_for(update):
        result: Tensor = _run(_Added, residual, update, step)
        return result
    return residual + on_grid(update, step)


def probabilities(scores: Tensor, factor: float) -> Tensor:
    """The hardware's softmax of factor * scores: `fake_quantize_probs` on 0..119."""
    if passes_for(scores):
        result: Tensor = _run(_Probabilities, scores, factor)
        return result
    return fake_quantize_probs(scores * factor, NIBBLE_MAX)


def heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, N, H * K) to (B, H, N, K)."""
    return x.reshape(*x.shape[:2], num_heads, -1).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    """(B, H, N, K) to (B, N, H * K)."""
    return x.transpose(1, 2).flatten(2)


def _run(function: type[Function], *arguments: Any) -> Any:
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


def _passes(x: Tensor) -> Passes:
    found = passes_for(x)
    assert found is not None
    return found


class _Matrices(Function):
    """Tensors: the four of each part of each stack, then the scale of each stack."""

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
                _passes(out)("quantize_matrix", *arrays, *sizes, *ROW_BOUNDS)
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
                _passes(grad)("quantize_matrix_backward", *arrays, *sizes, *ROW_BOUNDS)
                found += to
                first += m.rows
        return None, *found, *of_scales


def _stacked(
    stacks: Sequence[Stack], tensors: Sequence[Any]
) -> Iterator[tuple[Stack, list[Sequence[Tensor]], Tensor | None]]:
    """Each stack with its tensors out of those of all."""
    fours = (tensors[i : i + 4] for i in range(0, len(tensors) - len(stacks), 4))
    for stack, scale in zip(stacks, tensors[len(tensors) - len(stacks) :], strict=True):
        yield stack, list(islice(fours, len(stack.parts))), scale


class _Norm(Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        bias: Tensor,
        log_step: Tensor,
        epsilon: float,
        limit: int,
    ) -> Tensor:
        x, gain, bias, step = x.contiguous(), gain.contiguous(), bias.contiguous(), log_step.exp()
        out, moments = torch.empty_like(x), torch.empty(*x.shape[:-1], 2)
        grid = gain, bias, epsilon, step, limit
        _passes(x)("quantize_norm", x, out, moments, *_shape(x), *grid)
        ctx.save_for_backward(x, gain, bias, step, moments)
        ctx.limit = limit
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, gain, bias, step, moments = ctx.saved_tensors
        found = tuple(torch.empty_like(t) for t in (x, gain, bias, step))
        inputs = grads[0].contiguous(), x, moments, found[0], *_shape(x)
        _passes(x)("quantize_norm_backward", *inputs, gain, bias, step, ctx.limit, *found[1:])
        return *found, None, None


class _Heads(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, num_heads: int, limits: tuple[int, ...], *log_steps: Tensor
    ) -> tuple[Tensor, ...]:
        x, steps = x.contiguous(), [log_step.exp() for log_step in log_steps]
        ctx.shape, ctx.limits = _turned(x, num_heads, parts=len(limits)), limits
        ctx.save_for_backward(x, *steps)
        (batch, i, j, k, *_), outs = ctx.shape, []
        for part, step, limit in zip(x.chunk(len(limits), -1), steps, limits, strict=True):
            outs.append(torch.empty(batch, i, j, k))
            _passes(x)("quantize_turned", part, outs[-1], *ctx.shape, step, -limit, limit)
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *steps = ctx.saved_tensors
        result, found = torch.empty_like(x), [torch.empty_like(step) for step in steps]
        parts = (t.chunk(len(steps), -1) for t in (x, result))
        for grad, part, to, step, limit, of_step in zip(
            grads, *parts, steps, ctx.limits, found, strict=True
        ):
            grid = step, -limit, limit, of_step
            arrays = grad.contiguous(), part, to
            _passes(x)("quantize_turned_backward", *arrays, *ctx.shape, *grid)
        return result, None, None, *found


def _turned(x: Tensor, num_heads: int, *, parts: int) -> tuple[int, ...]:
    """Sizes and strides with which `quantize_turned` reads heads in (B, N, parts * H * K)."""
    batch, tokens, width = x.shape
    head_dim = width // (parts * num_heads)
    return batch, num_heads, tokens, head_dim, tokens * width, head_dim, width


class _Joined(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, log_step: Tensor, limit: int) -> Tensor:
        x, step = x.contiguous(), log_step.exp()
        batch, num_heads, tokens, head_dim = x.shape
        matrix = tokens * head_dim
        ctx.shape = batch, tokens, num_heads, head_dim, num_heads * matrix, head_dim, matrix
        ctx.limit = limit
        out = torch.empty(batch, tokens, num_heads * head_dim)
        _passes(x)("quantize_turned", x, out, *ctx.shape, step, -limit, limit)
        ctx.save_for_backward(x, step)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, step = ctx.saved_tensors
        result, of_step = torch.empty_like(x), torch.empty_like(step)
        arrays, grid = (grads[0].contiguous(), x, result), (step, -ctx.limit, ctx.limit, of_step)
        _passes(x)("quantize_turned_backward", *arrays, *ctx.shape, *grid)
        return result, of_step, None


class _Hidden(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, log_step_in: Tensor, log_step: Tensor, bounds: Bounds, levels: int
    ) -> Tensor:
        x, steps = x.contiguous(), (log_step_in.exp(), log_step.exp())
        out, ctx.grid = torch.empty_like(x), (*bounds, levels)
        _passes(x)("quantize_hidden", x, out, *_shape(x), *steps, *ctx.grid)
        ctx.save_for_backward(x, *steps)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *steps = ctx.saved_tensors
        found = tuple(torch.empty_like(t) for t in (x, *steps))
        arrays = grads[0].contiguous(), x, found[0], *_shape(x)
        _passes(x)("quantize_hidden_backward", *arrays, *steps, *ctx.grid, *found[1:])
        return *found, None, None


class _Added(Function):
    @staticmethod
    def forward(ctx: Any, residual: Tensor, update: Tensor, step: Tensor) -> Tensor:
        residual, update = residual.contiguous(), update.contiguous()
        out, size = torch.empty_like(update), update[0].numel()
        ctx.shared = residual.ndim < update.ndim
        sizes = len(update), size, 0 if ctx.shared else size
        _passes(update)("add_on_grid", residual, update, out, *sizes, step.item())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        return grad.sum(dim=0) if ctx.shared else grad, grad, None


class _Probabilities(Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, factor: float) -> Tensor:
        scores, ctx.factor = scores.contiguous(), factor
        probs, grid = torch.empty_like(scores), (factor, NIBBLE_MAX, 2**EXP_FRACTION)
        _passes(scores)("probabilities", scores, probs, *_shape(scores), *grid)
        ctx.save_for_backward(scores, probs)
        return probs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        scores, probs = ctx.saved_tensors
        result = torch.empty_like(scores)
        arrays = grads[0].contiguous(), scores, probs, result
        _passes(scores)("probabilities_backward", *arrays, *_shape(scores), ctx.factor)
        return result, None


def _shape(x: Tensor) -> tuple[int, int]:
    """Rows and columns of x as a matrix."""
    return x.numel() // x.shape[-1], x.shape[-1]
