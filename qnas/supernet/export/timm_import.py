"""Start a supernet from a timm ViT: the matching subnet computes what the checkpoint computes.

DeiT and ViT of timm's `VisionTransformer` with a class token and learned positions. Rules:

- Channels, hidden units, heads and blocks of the checkpoint become the first of the supernet's.
- Blocks beyond its depth begin with layer scales of 1/100: nearly the identity.
- Weights between it and wider channels begin ten times smaller than usual, so that a wider subnet
  begin near it, too.
- Positions of another grid are interpolated (bicubic, antialiased: timm's own rule).
- A head for other classes is left out: the supernet keeps its own.
- A checkpoint wider or deeper than the supernet, or with other patches or channels, is refused.

Heads are told from head_dim, which the checkpoint does not hold: it must be the space's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.architecture import EIGHTHS, Architecture, BlockSpec, W8Shares
from qnas.errors import CheckpointError, problem
from qnas.supernet.export.timm_files import timm_weights
from qnas.supernet.layers import Matrix, Norm
from qnas.supernet.model import Block, Supernet

NEW_CHANNELS = 0.1
NEW_BLOCKS = 0.01


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Shape of a timm ViT, read from its tensors. `side`: patches along an edge."""

    embed_dim: int
    depth: int
    mlp_hidden: int
    patch_size: int
    in_channels: int
    side: int
    num_classes: int


def load_timm(supernet: Supernet, source: str) -> Architecture:
    """Fill `supernet` with the weights of a timm model or file, and return the subnet that equals
    it with quantization off: all rows in 8 bits, and outside the space where that lacks its shape.

    Row steps follow the loaded weights; activation steps (`initialise_steps`) and the ranking
    (`rerank`) are for the caller, who has images. Raises as `timm_weights`, and CheckpointError
    for a model that the supernet cannot hold.
    """
    state = timm_weights(source)
    found = _shape(state, source)
    for subject, rule, value, holds in _rules(found, supernet):
        if not holds:
            remedy = "Choose another checkpoint, or a space that holds it."
            raise CheckpointError(problem(f"{source}: {subject}", rule, value, remedy))
    with torch.no_grad():
        _fill(supernet, state, found)
    return _architecture(supernet, found)


def _shape(state: Mapping[str, Tensor], source: str) -> Checkpoint:
    """CheckpointError unless these are the tensors of a plain timm ViT, all of them."""
    try:
        embed_dim, in_channels, patch_size, _ = state["patch_embed.proj.weight"].shape
        depth = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        tokens = state["pos_embed"].shape[1]
        side = math.isqrt(tokens)
        if tokens - side**2 not in (0, 1):
            raise ValueError(f"{tokens} positions, which are no square and a class token")
        hidden, classes = len(state["blocks.0.mlp.fc1.bias"]), len(state["head.bias"])
        found = Checkpoint(embed_dim, depth, hidden, patch_size, in_channels, side, classes)
        wrong = set(state) ^ _names(depth, scaled="blocks.0.ls1.gamma" in state)
        if wrong:
            raise ValueError(f"tensors too many or too few: {', '.join(sorted(wrong)[:4])}")
    except (KeyError, IndexError, ValueError) as error:
        rule = "must hold a ViT of timm's with class token and learned positions"
        value = f"no {error}" if isinstance(error, KeyError) else error
        remedy = "DeiT (not distilled) and ViT are such models."
        raise CheckpointError(problem(source, rule, value, remedy)) from None
    return found


def _names(depth: int, *, scaled: bool) -> set[str]:
    parts = ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"]
    modules = [f"blocks.{index}.{part}" for index in range(depth) for part in parts]
    modules += ["patch_embed.proj", "norm", "head"]
    names = {f"{module}.{kind}" for module in modules for kind in ("weight", "bias")}
    if scaled:
        names |= {f"blocks.{index}.{ls}.gamma" for index in range(depth) for ls in ("ls1", "ls2")}
    return names | {"cls_token", "pos_embed"}


def _rules(found: Checkpoint, supernet: Supernet) -> list[tuple[str, str, object, bool]]:
    largest = supernet.space.largest()
    block, head = largest.blocks[0], largest.head_dim
    at_most = [
        ("embed_dim", found.embed_dim, largest.embed_dim),
        ("depth", found.depth, largest.depth),
        ("MLP width", found.mlp_hidden, block.mlp_hidden),
        ("attention width", found.embed_dim, block.num_heads * head),
    ]
    equal = [
        ("patch size", found.patch_size, largest.patch_size),
        ("channels of its images", found.in_channels, largest.in_channels),
    ]
    name = f"the space {getattr(supernet.space, 'name', '')!r}"
    rules = [(s, f"must be at most {m}, that of {name}", v, v <= m) for s, v, m in at_most]
    rules += [(s, f"must be {m}, that of {name}", v, v == m) for s, v, m in equal]
    rule = f"must be a multiple of the head_dim of {name}, {head}"
    return [*rules, ("embed_dim", rule, found.embed_dim, found.embed_dim % head == 0)]


def _fill(supernet: Supernet, state: Mapping[str, Tensor], found: Checkpoint) -> None:
    state = {name: tensor.float() for name, tensor in state.items()}
    _fill_position(supernet, state)
    _fill_matrix(supernet.stem, _pair(state, "patch_embed.proj"))
    for index in range(len(supernet.blocks)):
        block = supernet.block(index)
        if index < found.depth:
            _fill_block(block, state, f"blocks.{index}")
        else:
            block.proj_scale.fill_(NEW_BLOCKS), block.fc2_scale.fill_(NEW_BLOCKS)
    _fill_norm(supernet.norm, _pair(state, "norm"))
    if found.num_classes == len(supernet.head.bias):
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


def _architecture(supernet: Supernet, found: Checkpoint) -> Architecture:
    largest = supernet.space.largest()
    shares = W8Shares(**{field.name: EIGHTHS for field in fields(W8Shares)})
    block = BlockSpec(found.embed_dim // largest.head_dim, found.mlp_hidden, shares)
    return Architecture(
        image_size=largest.image_size,
        patch_size=largest.patch_size,
        in_channels=largest.in_channels,
        num_classes=largest.num_classes,
        embed_dim=found.embed_dim,
        head_dim=largest.head_dim,
        blocks=(block,) * found.depth,
    )
