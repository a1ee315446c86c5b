"""Start a supernet from a pretrained ViT: the matching subnet computes the ViT's function.

Supported are DeiT and ViT models of timm's `VisionTransformer` with a class token and learned
positions. Rules:

- The checkpoint's channels, hidden units, heads and blocks become the supernet's first ones.
- Blocks beyond the checkpoint's depth start with layer scales of 1/100: nearly the identity.
- Weights from and to the supernet's further channels start ten times smaller than usual, so that a
  wider subnet also starts near the checkpoint's function.
- Positions of another grid are interpolated (bicubic and antialiased, as in timm).
- A head for other classes is not loaded: the supernet keeps its own.
- A checkpoint is refused if it is wider or deeper than the supernet, or if its head size, patches,
  channels or function differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.space import SearchSpace, Singleton
from qnas.supernet.layers import Matrix, Norm
from qnas.supernet.model import Block, Supernet
from qnas.supernet.pretrained.function import Pretrained
from qnas.supernet.pretrained.imported import Imported, read_pretrained
from qnas.supernet.pretrained.names import State
from qnas.supernet.pretrained.shape import REGISTERS

NEW_CHANNELS = 0.1
NEW_BLOCKS = 0.01


def check_pretrained(space: SearchSpace | Singleton, given: Pretrained) -> Imported:
    """Report what `load_pretrained` would load into a supernet of `space`, with the same errors."""
    return read_pretrained(space, given)[1]


def load_pretrained(supernet: Supernet, given: Pretrained) -> Imported:
    """Load the weights of a timm model or a file into `supernet`.

    The row steps are computed from the loaded weights. The caller, who has images, sets the
    activation steps (`initialise_steps`) and ranks the rows (`rerank`).

    Returns:
        The record of the loaded weights. Its subnet `architecture` equals the checkpoint with
        quantization off.

    Raises:
        CheckpointError: The file contains no ViT, or a ViT that the supernet cannot contain.
        ConfigError: The weights cannot be downloaded, or no source states a property of the
            function.
        UnknownNameError: timm has no model of this name.
    """
    state, imported = read_pretrained(supernet.space, given)
    with torch.no_grad():
        _fill(supernet, {name: t.float() for name, t in state.items()}, imported)
    return imported


def _fill(supernet: Supernet, state: State, imported: Imported) -> None:
    _fill_position(supernet, state, imported)
    _fill_matrix(supernet.stem, _pair(state, "patch_embed.proj"))
    for index in range(len(supernet.blocks)):
        block = supernet.block(index)
        if index < imported.architecture.depth:
            _fill_block(block, state, f"blocks.{index}")
        else:
            block.proj_scale.fill_(NEW_BLOCKS), block.fc2_scale.fill_(NEW_BLOCKS)
    _fill_norm(supernet.norm, _pair(state, "norm"))
    if imported.head:
        _fill_matrix(supernet.head, _pair(state, "head"))


def _fill_position(supernet: Supernet, state: Mapping[str, Tensor], imported: Imported) -> None:
    """Load tokens and positions into one tensor, the supernet's form: registers come last."""
    position, prefix = state["pos_embed"], state["cls_token"]
    if REGISTERS in state:
        prefix = torch.cat([prefix, state[REGISTERS]], dim=1)
    count = prefix.shape[1]
    if not imported.prefix_position:
        position = torch.cat([torch.zeros_like(prefix), position], dim=1)
    side = math.isqrt(len(supernet.position) - count)
    layers = import_timm("timm.layers")
    sizes: dict[str, Any] = {"new_size": [side, side], "num_prefix_tokens": count}
    position = layers.resample_abs_pos_embed(position, **sizes)[0]
    position[:count] += prefix[0]
    _fill_leading(supernet.position, torch.cat([position[:1], position[count:], position[1:count]]))


def _fill_block(block: Block, state: Mapping[str, Tensor], name: str) -> None:
    weights, biases = (t.chunk(3) for t in _pair(state, f"{name}.attn.qkv"))
    for matrix, weight, bias in zip((block.q, block.k, block.v), weights, biases, strict=True):
        _fill_matrix(matrix, (weight, bias))
    _fill_matrix(block.proj, _pair(state, f"{name}.attn.proj"))
    _fill_matrix(block.fc1, _pair(state, f"{name}.mlp.fc1"))
    _fill_matrix(block.fc2, _pair(state, f"{name}.mlp.fc2"))
    _fill_norm(block.norm1, _pair(state, f"{name}.norm1"))
    _fill_norm(block.norm2, _pair(state, f"{name}.norm2"))
    for scale, key in ((block.proj_scale, "ls1"), (block.fc2_scale, "ls2")):
        if f"{name}.{key}.gamma" in state:
            gamma = state[f"{name}.{key}.gamma"]
            scale[: len(gamma)] = gamma


def _fill_matrix(matrix: Matrix, pair: tuple[Tensor, Tensor]) -> None:
    weight, bias = pair
    _fill_leading(matrix.weight, weight.flatten(1))
    matrix.bias[: len(bias)] = bias
    matrix.fit_steps()


def _fill_norm(norm: Norm, pair: tuple[Tensor, Tensor]) -> None:
    for own, given in zip((norm.gain, norm.bias), pair, strict=True):
        own[: len(given)] = given


def _fill_leading(own: Tensor, given: Tensor) -> None:
    own *= NEW_CHANNELS
    own[: len(given), : given.shape[1]] = given


def _pair(state: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return state[f"{name}.weight"], state[f"{name}.bias"]
