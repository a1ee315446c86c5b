"""How the compiled passes differ from torch's operators, value by value.

    OMP_NUM_THREADS=1 python -m tests.bench.passes

Of each pass, on random numbers of the sizes of a 65-token block of 192 channels: the share of
values that are not those of torch bit for bit, the largest difference in units in the last place
(of a float32), and how many values lie on another point of the quantizer's grid. The same of the
gradients, without the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from qnas.supernet.cpu import fused, native
from qnas.supernet.stacks import Stack, quantized_matrices
from qnas.supernet.weights import MatrixWeights

Pass = Callable[..., Tensor | tuple[Tensor, ...]]
STEP = -2.3
ROWS, INNER = 768, 192


def matrix(weight: Tensor, bias: Tensor, log_steps: Tensor, scale: Tensor) -> tuple[Tensor, ...]:
    """Every other row in 8 bits."""
    part = MatrixWeights(
        weight,
        bias,
        log_steps - 1.5,
        log_steps - 3.5,
        is_w8=torch.arange(ROWS) % 2 == 0,
        inner=INNER,
    )
    return quantized_matrices([Stack((part,), scale)])[0]


PASSES: dict[str, tuple[Pass, list[tuple[int, ...]]]] = {
    "LayerNorm": (
        lambda x, g, b, s: fused.quantized_norm(x, g, b, 1e-6, log_step=s, limit=31),
        [(16, 65, 192), (192,), (192,), ()],
    ),
    "heads": (
        lambda x, q, k, v: fused.quantized_heads(x, [q, k, v], [31, 119, 31], 3),
        [(16, 65, 576), (), (), ()],
    ),
    "joined heads": (
        lambda x, s: fused.quantized_joined(x, log_step=s, limit=31),
        [(16, 3, 65, 64), ()],
    ),
    "GELU": (
        lambda x, i, o: fused.quantized_hidden(
            x, log_step_in=i - 1, bounds=(-128, 127), log_step=o, act_max=31
        ),
        [(16, 65, 768), (), ()],
    ),
    "matrix": (matrix, [(ROWS, INNER), (ROWS,), (ROWS,), (ROWS,)]),
    "residual": (
        lambda r, u: fused.added(r, u, torch.tensor(2.0**-9)),
        [(16, 65, 192), (16, 65, 192)],
    ),
    "softmax": (lambda s: fused.probabilities(s, 8**-0.5), [(16, 3, 65, 65)]),
}


def results(function: Pass, inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Values of `function`, and the gradients of its inputs for fixed random ones of the values."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    found = function(*leaves)
    outs = [found] if isinstance(found, Tensor) else list(found)
    generator = torch.Generator().manual_seed(0)
    gradients = [torch.randn(out.shape, generator=generator) for out in outs]
    torch.autograd.backward(outs, gradients)
    return [out.detach() for out in outs], [x.grad for x in leaves if x.grad is not None]


def ulps(a: Tensor, b: Tensor) -> Tensor:
    """How many float32 values lie between each two."""
    ordered = [t.contiguous().view(torch.int32).long() for t in (a, b)]
    first, second = (torch.where(i < 0, -(2**31) - i, i) for i in ordered)
    return (first - second).abs()


def compared(name: str) -> dict[str, float]:
    """Shares and distances of one pass; needs a g++."""
    function, shapes = PASSES[name]
    generator = torch.Generator().manual_seed(1)
    inputs = [
        torch.randn(shape, generator=generator) if shape else torch.tensor(STEP) for shape in shapes
    ]
    passes, takes = results(function, inputs), native.takes
    native.takes = lambda x: False
    try:
        operators = results(function, inputs)
    finally:
        native.takes = takes
    found = {}
    for kind, ours, theirs in zip(("values", "gradients"), passes, operators, strict=True):
        pairs = list(zip(ours, theirs, strict=True))
        away = torch.cat([ulps(a, b).flatten() for a, b in pairs])
        found[f"{kind}_other"] = (away > 0).double().mean().item()
        found[f"{kind}_ulps"] = int(away.max())
        if kind == "values":
            far = torch.cat([(a - b).abs().gt(1e-5 * b.abs() + 1e-8).flatten() for a, b in pairs])
            found["grid_other"] = far.double().mean().item()
    return found


def main() -> None:
    for name in PASSES:
        found = compared(name)
        print(
            f"{name:<13} values {found['values_other']:8.4%} ({found['values_ulps']} ulp), "
            f"on another step {found['grid_other']:.5%}; "
            f"gradients {found['gradients_other']:8.4%}"
        )


if __name__ == "__main__":
    main()
