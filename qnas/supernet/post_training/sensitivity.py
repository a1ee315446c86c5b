"""Sensitivity: how much 4-bit rows in one matrix alone change the outputs of the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas._util.serialization import Value
from qnas.architecture import EIGHTHS, Architecture
from qnas.space import MATRIX_KINDS
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.post_training.samples import BATCH

SHARES = (0, EIGHTHS // 2)  # of 8-bit rows, in eighths, that are measured beside all


@dataclass(frozen=True, slots=True)
class Divergences(Value):
    """The Kullback-Leibler divergence, in nats an image, of the class probabilities from those with
    all rows in 8 bits: by gene (`block0.w8_qkv`), for each of `shares` of that gene alone."""

    shares: tuple[int, ...]
    divergence: dict[str, tuple[float, ...]]


@torch.no_grad()
def sensitivities(
    supernet: Supernet, images: Tensor, advance: Callable[[int, int, str], None]
) -> Divergences:
    """Measure every matrix of the largest subnet on images (B, C, H, W)."""
    arch = supernet.space.largest()
    reference = _log_probabilities(supernet, arch, images)
    found: dict[str, tuple[float, ...]] = {}
    genes = [(index, kind) for index in range(arch.depth) for kind in MATRIX_KINDS]
    for done, (index, kind) in enumerate(genes, start=1):
        rungs = (arch.with_share(index, kind, share) for share in SHARES)
        found[f"block{index}.w8_{kind}"] = tuple(
            _divergence(reference, _log_probabilities(supernet, rung, images)) for rung in rungs
        )
        advance(done, len(genes), f"sensitivity of block{index}.{kind}")
    return Divergences(SHARES, found)


def _log_probabilities(supernet: Supernet, arch: Architecture, images: Tensor) -> Tensor:
    weights = supernet.extract(arch).weights
    logits = torch.cat([forward(weights, batch) for batch in torch.split(images, BATCH)])
    return logits.double().log_softmax(dim=1)


def _divergence(reference: Tensor, found: Tensor) -> float:
    return (reference.exp() * (reference - found)).sum(dim=1).mean().item()
