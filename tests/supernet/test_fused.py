"""The fused passes: the values of torch's operators, and their gradients."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import torch
from torch import Tensor

from qnas.supernet.cpu import fused, native
from qnas.supernet.model import Supernet
from qnas.supernet.stacks import Stack, quantized_matrices
from qnas.supernet.weights import hidden_low
from tests.tiny import TINY, digits

pytestmark = pytest.mark.skipif(
    not native.takes(torch.empty(1)), reason="no g++ to compile the passes with"
)
STEP = torch.tensor(-2.3)


def both(monkeypatch: pytest.MonkeyPatch, work: Callable[[], list[Tensor]]) -> list[list[Tensor]]:
    """What `work` gives with the passes, and with torch's operators."""
    found = [work()]
    with monkeypatch.context() as patch:
        patch.setattr(native, "takes", lambda x: False)
        found.append(work())
    return found


def grads(function: Callable[..., Tensor | tuple[Tensor, ...]], *inputs: Tensor) -> list[Tensor]:
    """Outputs, and gradients of all inputs for fixed random ones of the outputs."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    outs = function(*leaves)
    outs = (outs,) if isinstance(outs, Tensor) else outs
    generator = torch.Generator().manual_seed(0)
    loss = sum((out * torch.randn(out.shape, generator=generator)).sum() for out in outs)
    assert isinstance(loss, Tensor)
    loss.backward()
    return [
        *(out.detach() for out in outs),
        *(leaf.grad for leaf in leaves if leaf.grad is not None),
    ]


CASES: dict[str, tuple[Callable[..., Tensor | tuple[Tensor, ...]], list[tuple[int, ...]]]] = {
    "norm": (
        lambda x, g, b, s: fused.quantized_norm(x, g, b, 1e-6, log_step=s, limit=31),
        [(70, 3, 24), (24,), (24,), ()],
    ),
    "heads": (
        lambda x, q, k, v: fused.quantized_heads(x, [q, k, v], [31, 119, 31], 2),
        [(3, 5, 48), (), (), ()],
    ),
    "joined": (
        lambda x, s: fused.quantized_joined(x, log_step=s, limit=31),
        [(3, 2, 5, 8), ()],
    ),
    "hidden": (
        lambda x, i, o: fused.quantized_hidden(
            x, log_step_in=i - 1, bounds=(-128, 127), log_step=o, act_max=31
        ),
        [(3, 50, 16), (), ()],
    ),
    "added": (lambda r, u: fused.added(r, u, torch.tensor(2.0**-9)), [(3, 5, 8), (3, 5, 8)]),
    "added to one": (lambda r, u: fused.added(r, u, torch.tensor(2.0**-9)), [(5, 8), (3, 5, 8)]),
    "probabilities": (lambda s: fused.probabilities(s, 8**-0.5), [(2, 3, 7, 7)]),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_torch(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    function, shapes = CASES[name]
    inputs = [torch.randn(shape) if shape else STEP for shape in shapes]
    passes, torchs = both(monkeypatch, lambda: grads(function, *inputs))
    assert len(passes) == len(torchs)
    for a, b in zip(passes, torchs, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-4, atol=2e-4)


def test_a_step_of_the_supernet_is_that_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of subnets narrower than the shared ones too: gradients elsewhere are zero."""
    torch.manual_seed(1)
    net = Supernet(TINY, input_step=1 / 31)
    images = torch.from_numpy(digits(32)[0])
    net.initialise_steps(images)
    net.rerank(images)

    def weights() -> list[Tensor]:
        net.zero_grad()
        for arch in (TINY.smallest(), TINY.sample(Random(4))):
            matrices = net.slice(arch).matrices
            found = quantized_matrices(
                [
                    Stack(tuple(matrices[f"block0.{p}"] for p in "qkv")),
                    Stack((matrices["block0.fc2"],), net.block(0).fc2_scale[: arch.embed_dim]),
                ]
            )
            sum(t.square().sum() for pair in found for t in pair).backward()  # type: ignore[union-attr]
        tensors = [t.detach() for pair in found for t in pair]
        return tensors + [p.grad.clone() for p in net.parameters() if p.grad is not None]

    passes, torchs = both(monkeypatch, weights)
    assert len(passes) == len(torchs) == 4 + 4 * 4 + 1
    for a, b in zip(passes, torchs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("log_step", [-9.0, -2.3, 0.0, 3.0])
def test_the_offset_behind_gelu_is_one_number(log_step: float) -> None:
    """The passes and the export compute it apart."""
    step, coarse = torch.tensor(log_step), torch.tensor(0.0)
    x = torch.linspace(-3, 0, 4000)[None]
    out = fused.quantized_hidden(
        x, log_step_in=coarse - 3.5, bounds=(-128, 127), log_step=step, act_max=10**6
    )
    assert out.min() / step.exp() >= hidden_low(step) - 1e-3


def test_a_number_that_is_none_passes_through() -> None:
    x = torch.tensor([[0.5, float("nan"), 0.25, 1.0]])
    hidden = fused.quantized_hidden(
        x, log_step_in=STEP, bounds=(-128, 127), log_step=STEP, act_max=31
    )
    one = torch.ones(4)
    norm = fused.quantized_norm(x, one, one, 1e-6, log_step=STEP, limit=31)
    assert hidden.isnan().tolist() == [[False, True, False, False]]
    assert norm.isnan().all()
    diverged = torch.tensor(float("nan"))
    assert fused.quantized_joined(torch.ones(1, 1, 1, 4), log_step=diverged, limit=31).isnan().all()


def test_threads_change_nothing() -> None:
    torch.manual_seed(2)
    function, shapes = CASES["norm"]
    inputs = [torch.randn(shape) if shape else STEP for shape in shapes]
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = grads(function, *inputs)
        torch.set_num_threads(2)
        two = grads(function, *inputs)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
