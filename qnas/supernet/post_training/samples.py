"""Samples of the floating-point activations of a subnet, from which steps are computed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from qnas.supernet.forward import forward
from qnas.supernet.weights import SubnetWeights

ROWS = 8192  # most tokens of a sample
BATCH = 64

Samples = dict[str, Tensor]  # (tokens, channels) by the names that forward's observer gets


@torch.no_grad()
def sampled(weights: SubnetWeights, images: Tensor, *, rows: int = ROWS) -> Samples:
    """At most about `rows` tokens, spread evenly over images (B, C, H, W), of every tensor that a
    quantizer or a matrix takes in, in floating point."""
    parts: dict[str, list[Tensor]] = {}
    share = -(-rows // max(1, -(-len(images) // BATCH)))  # tokens of a batch

    def observe(name: str, x: Tensor) -> None:
        if name != "residual":
            tokens = _tokens(name, x)
            stride = max(1, len(tokens) // share)
            parts.setdefault(name, []).append(tokens[::stride].clone())

    for batch in torch.split(images, BATCH):
        forward(weights, batch, quantize=False, observe=observe)
    return {name: torch.cat(found) for name, found in parts.items()}


def _tokens(name: str, x: Tensor) -> Tensor:
    """x as (tokens, channels); the attended values come with an axis of heads, (B, H, N, K)."""
    if name.endswith(".attend"):
        x = x.transpose(1, 2).flatten(2)
    return x.flatten(0, -2)


def consumers(weights: SubnetWeights) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name of each activation that matrices take in, and the names of these matrices."""
    for index in range(weights.architecture.depth):
        block = f"block{index}"
        yield f"{block}.norm1", tuple(f"{block}.{part}" for part in "qkv")
        yield f"{block}.attend", (f"{block}.proj",)
        yield f"{block}.norm2", (f"{block}.fc1",)
        yield f"{block}.fc1", (f"{block}.fc2",)
    yield "norm", ("head",)
