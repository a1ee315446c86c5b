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
from qnas.supernet.post_training.samples import BATCH, Samples

IMAGES = 128  # for the means after each correction


@torch.no_grad()
def correct_biases(supernet: Supernet, samples: Samples, images: Tensor) -> Iterator[str]:
    """Correct the biases of the largest subnet, whose 8-bit rows all subnets share; yields the name
    of each group of matrices after it is done. `samples` are of floating point."""
    arch = supernet.space.largest()
    for group in _groups(arch.depth):
        means = _means(supernet, images[:IMAGES], set(group))
        weights = supernet.slice(arch)
        for name in group:
            matrix = weights.matrices[name]
            wanted = matrix.weight @ samples[f"{name}.inputs"].mean(dim=0)
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


def _means(supernet: Supernet, images: Tensor, names: set[str]) -> dict[str, Tensor]:
    """Mean inputs of the matrices `names` in the quantized network."""
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
        forward(weights, batch, observe=observe)
    return {name: sums[name] / counts[name] for name in names}
