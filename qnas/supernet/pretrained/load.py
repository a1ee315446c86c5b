"""Start a supernet from a pretrained ViT: the matching subnet computes what that computes.

DeiT and ViT of timm's `VisionTransformer` with a class token and learned positions. Rules:

- Channels, hidden units, heads and blocks of the checkpoint become the first of the supernet's.
- Blocks beyond its depth begin with layer scales of 1/100: nearly the identity.
- Weights between it and wider channels begin ten times smaller than usual, so that a wider subnet
  begin near it, too.
- Positions of another grid are interpolated (bicubic, antialiased: timm's own rule).
- A head for other classes is left out: the supernet keeps its own.
- A checkpoint wider or deeper than the supernet, with heads of other sizes, other patches, other
  channels or of another function is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.space import SearchSpace, Singleton
from qnas.supernet.layers import Matrix, Norm
from qnas.supernet.model import Block, Supernet
from qnas.supernet.pretrained.function import Pretrained
from qnas.supernet.pretrained.imported import Imported, read_pretrained
from qnas.supernet.pretrained.names import State

NEW_CHANNELS = 0.1
NEW_BLOCKS = 0.01


def check_pretrained(space: SearchSpace | Singleton, given: Pretrained) -> Imported:
    """What `load_pretrained` would do to a supernet of `space`; raises what it raises."""
    return read_pretrained(space, given)[1]


def load_pretrained(supernet: Supernet, given: Pretrained) -> Imported:
    """Fill `supernet` with the weights of a timm model or file, and say what was done. The subnet
    `architecture` equals the checkpoint with quantization off.

    Row steps follow the loaded weights; activation steps (`initialise_steps`) and the ranking
    (`rerank`) are for the caller, who has images. Raises CheckpointError for a file that holds no
    such weights or a model that the supernet cannot hold, ConfigError for weights that cannot be
    fetched or whose function nobody says, UnknownNameError for a name that timm does not know.
    """
    state, imported = read_pretrained(supernet.space, given)
    with torch.no_grad():
        _fill(supernet, {name: t.float() for name, t in state.items()}, imported)
    return imported


def _fill(supernet: Supernet, state: State, imported: Imported) -> None:
    _fill_position(supernet, state)
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


def _fill_position(supernet: Supernet, state: Mapping[str, Tensor]) -> None:
    """Class token and positions in one tensor, as the supernet holds them."""
    position, token = state["pos_embed"], state["cls_token"]
    if position.shape[1] == math.isqrt(position.shape[1]) ** 2:  # the class token has none
        position = torch.cat([torch.zeros_like(token), position], dim=1)
    side = math.isqrt(len(supernet.position) - 1)
    layers = import_timm("timm.layers")
    position = layers.resample_abs_pos_embed(position, new_size=[side, side])[0]
    position[0] += token[0, 0]
    _fill_leading(supernet.position, position)


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
