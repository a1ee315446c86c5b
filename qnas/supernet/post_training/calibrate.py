"""calibrate: all quantizers of a pretrained ViT, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

import torch
from torch import Tensor

from qnas.supernet.model import Supernet
from qnas.supernet.post_training.equalise import correct_biases, equalise
from qnas.supernet.post_training.samples import Samples, sampled
from qnas.supernet.post_training.settings import PostTraining
from qnas.supernet.post_training.steps import fit_rows, log_steps

RANKED = 512  # most images for the ranking of rows
Advance = Callable[[int, int, str], None]


@torch.no_grad()
def calibrate(supernet: Supernet, images: Tensor, settings: PostTraining, advance: Advance) -> None:
    """Set the steps of the supernet's largest subnet from images (B, C, H, W), rank its rows, and
    by `settings` rescale channels and correct biases.

    In floating point the network stays the same but for the biases. `advance` is called with the
    number of done parts, of all parts, and the name of a part.
    """
    arch = supernet.space.largest()
    samples = sampled(supernet.slice(arch), images)
    matrices = list(supernet.slice(arch).matrices)
    of_images = images[:RANKED]
    total = 4 * arch.depth + 2 * len(matrices)
    parts = chain(
        equalise(supernet, samples) if settings.equalise else (),
        _quantizers(supernet, samples, matrices, settings),
        _ranking(supernet, of_images),
        correct_biases(supernet, images) if settings.correct_bias else (),
    )
    done = 0
    for done, name in enumerate(parts, start=1):
        advance(min(done, total - 1), total, name)
    supernet.fit_residual(of_images)
    advance(total, total, "all steps")


def _quantizers(
    supernet: Supernet, samples: Samples, matrices: list[str], settings: PostTraining
) -> Iterator[str]:
    for name in matrices:
        if settings.rows:
            fit_rows(supernet.matrix(name), samples[f"{name}.inputs"].square().mean(dim=0))
        else:
            supernet.matrix(name).fit_steps()
        yield name
    weights = supernet.slice(supernet.space.largest())
    for name, step in log_steps(weights, samples, settings.steps).items():
        supernet.set_log_step(name, step)
    yield "activations"


def _ranking(supernet: Supernet, images: Tensor) -> Iterator[str]:
    supernet.fit_residual(images)
    supernet.rerank(images)
    yield "ranking"
