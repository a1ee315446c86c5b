"""A subnet as a standalone floating-point state dict, with timm's names if timm can express it.

timm's `VisionTransformer` has one number of heads and one MLP width for all blocks, and the number
of heads divides the embed dim. Layer scales are folded into the matrices before them. Row 0 of the
positions contains the class token, so that `cls_token` is zero in timm's form. The weights are not
quantized: for quantized execution use the integer network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from qnas._util.safetensors_header import in_order
from qnas._util.serialization import write_atomically
from qnas.architecture import Architecture
from qnas.supernet.weights import SubnetWeights


@dataclass(frozen=True, eq=False)
class StateDict:
    """The tensors of a subnet, with its architecture.

    `obstacles` are the properties that timm cannot express. Without obstacles, the names are those
    of timm's `VisionTransformer(**timm_arguments)`, otherwise qnas's own (`block0.q.weight`).
    """

    architecture: Architecture
    tensors: dict[str, Tensor]
    obstacles: tuple[str, ...]

    @property
    def timm_arguments(self) -> dict[str, int | float]:
        """Arguments of timm's VisionTransformer; valid only without obstacles."""
        arch = self.architecture
        return {
            "img_size": arch.image_size,
            "patch_size": arch.patch_size,
            "in_chans": arch.in_channels,
            "num_classes": arch.num_classes,
            "embed_dim": arch.embed_dim,
            "depth": arch.depth,
            "num_heads": arch.blocks[0].num_heads,
            "mlp_ratio": arch.blocks[0].mlp_hidden / arch.embed_dim,
            **({"reg_tokens": arch.register_tokens} if arch.register_tokens else {}),
        }

    def write(self, path: Path) -> None:
        """Write a safetensors file atomically, with architecture, arguments and obstacles as
        metadata."""
        metadata = {
            "architecture": json.dumps(self.architecture.to_json()),
            "format": "qnas" if self.obstacles else "timm",
        }
        if self.obstacles:
            metadata["not timm"] = " ".join(self.obstacles)
        else:
            metadata["VisionTransformer"] = json.dumps(self.timm_arguments)
        write_atomically(path, in_order(save(self.tensors, metadata=metadata)))


def state_dict(weights: SubnetWeights) -> StateDict:
    """Export the standalone weights of a subnet: float32, with folded layer scales."""
    obstacles = _obstacles(weights.architecture)
    tensors = _own_names(weights) if obstacles else _timm_names(weights)
    copies = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    return StateDict(weights.architecture, copies, obstacles)


def _obstacles(arch: Architecture) -> tuple[str, ...]:
    found = []
    heads = sorted({block.num_heads for block in arch.blocks})
    widths = sorted({block.mlp_hidden for block in arch.blocks})
    if len(heads) > 1:
        found.append(f"Blocks have {heads} heads: timm has one number for all.")
    if any(count * arch.head_dim != arch.embed_dim for count in heads):
        found.append(
            f"Heads of {arch.head_dim} channels do not add up to the embed dim {arch.embed_dim}."
        )
    if len(widths) > 1:
        found.append(f"Blocks have MLP widths {widths}: timm has one for all.")
    elif int(arch.embed_dim * (widths[0] / arch.embed_dim)) != widths[0]:
        found.append(f"No mlp_ratio gives the MLP width {widths[0]}.")
    return tuple(found)


def _folded(weights: SubnetWeights, name: str) -> tuple[Tensor, Tensor]:
    matrix, scale = weights.matrices[name], weights.layer_scales.get(name)
    if scale is None:
        return matrix.weight, matrix.bias
    return matrix.weight * scale[:, None], matrix.bias * scale


def _own_names(weights: SubnetWeights) -> dict[str, Tensor]:
    tensors = {"position": weights.position}
    for name in weights.matrices:
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = _folded(weights, name)
    for name, norm in weights.norms.items():
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = norm.gain, norm.bias
    return tensors


def _timm_names(weights: SubnetWeights) -> dict[str, Tensor]:
    own, arch = _own_names(weights), weights.architecture
    position, registers = own["position"], arch.register_tokens
    if registers:  # timm has them behind the class token, we behind the patches
        position = torch.cat([position[:1], position[-registers:], position[1:-registers]])
    tensors = {"cls_token": torch.zeros_like(position[None, :1]), "pos_embed": position[None]}
    if registers:
        tensors["reg_token"] = torch.zeros_like(position[None, :registers])
    pairs = {"norm": "norm", "head": "head", "patch_embed.proj": "stem"}
    for index in range(arch.depth):
        theirs, ours = f"blocks.{index}", f"block{index}"
        pairs |= {
            f"{theirs}.norm1": f"{ours}.norm1",
            f"{theirs}.attn.proj": f"{ours}.proj",
            f"{theirs}.norm2": f"{ours}.norm2",
            f"{theirs}.mlp.fc1": f"{ours}.fc1",
            f"{theirs}.mlp.fc2": f"{ours}.fc2",
        }
    for kind in ("weight", "bias"):
        tensors |= {f"{theirs}.{kind}": own[f"{ours}.{kind}"] for theirs, ours in pairs.items()}
        for index in range(arch.depth):
            qkv = [own[f"block{index}.{part}.{kind}"] for part in "qkv"]
            tensors[f"blocks.{index}.attn.qkv.{kind}"] = torch.cat(qkv)
    patches = (arch.embed_dim, arch.in_channels, arch.patch_size, arch.patch_size)
    tensors["patch_embed.proj.weight"] = own["stem.weight"].reshape(patches)
    return tensors
