"""Tiles of a product in one pass of the kernel, which takes the images of a batch together."""

from __future__ import annotations

from qnas.accel.plan.plan import Stage
from qnas.operations import Tensor


def tiles_of_pass(stage: Stage, batch: int) -> tuple[int, int]:
    """(row tiles, token tiles of each) of a product.

    A row tile of weights meets the tokens of all images. Keys and probabilities are an image's own:
    its row tiles follow those of the image before.
    """
    if stage.left == Tensor.WEIGHTS:
        return stage.row_tiles, stage.token_tiles * batch
    return stage.row_tiles * batch, stage.token_tiles
