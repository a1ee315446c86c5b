"""Bias correction: the mean of each row's output is that of the floating-point network.

The mean error of a row is its weights' error times the inputs' mean, and its weights times the mean
error of the inputs, which earlier matrices cause; matrices are therefore corrected in the network's
order (arXiv:1906.04721).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.post_training.samples import BATCH

IMAGES = 128  # of which both networks' means are, so that their difference is of quantization alone


@torch.no_grad()
def correct_biases(supernet: Supernet, images: Tensor) -> Iterator[str]:
    """Correct the biases of the largest subnet, whose 8-bit rows all subnets share, on images (B,
    C, H, W); yields the name of each group of matrices after it is done."""
    arch, few = supernet.space.largest(), images[:IMAGES]
    groups = list(_groups(arch.depth))
    exact = _means(supernet, few, {name for group in groups for name in group}, quantize=False)
    for group in groups:
        means = _means(supernet, few, set(group))
        weights = supernet.slice(arch)
        for name in group:
            matrix = weights.matrices[name]
            wanted = matrix.weight @ exact[name]
            supernet.matrix(name).bias.add_(wanted - matrix.quantized() @ means[name])
        yield group[0]


def _groups(depth: int) -> Iterator[tuple[str, ...]]:
    yield ("stem",)
    for index in range(depth):
        block = f"block{index}"
        yield tuple(f"{block}.{part}" for part in "qkv")
        for part in ("proj", "fc1", "fc2"):
            yield (f"{block}.{part}",)
    yield ("head",)


def _means(
    supernet: Supernet, images: Tensor, names: set[str], *, quantize: bool = True
) -> dict[str, Tensor]:
    """Mean inputs of the matrices `names`."""
    sums: dict[str, Tensor] = {}
    counts = dict.fromkeys(names, 0)

    def observe(name: str, x: Tensor) -> None:
        matrix = name.removesuffix(".inputs")
        if matrix in names and matrix != name:
            tokens = x.flatten(0, -2)
            sums[matrix] = sums.get(matrix, 0) + tokens.sum(dim=0)
            counts[matrix] += len(tokens)

    weights = supernet.slice(supernet.space.largest())
    for batch in torch.split(images, BATCH):
        forward(weights, batch, quantize=quantize, observe=observe)
    return {name: sums[name] / counts[name] for name in names}
