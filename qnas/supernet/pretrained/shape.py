"""The shape of a plain vision transformer, computed from its tensors, which are all checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qnas._util.units import listed
from qnas.supernet.pretrained.names import STEM, State
from qnas.supernet.pretrained.stored import plain

REGISTERS = "reg_token"
MATRICES = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
# Biases of matrices only: a norm without a bias may be another norm (RMSNorm).
BIAS = re.compile(r"(qkv|proj|fc1|fc2|head)\.bias$")
# Tensors used only in training: MAE's decoder, self-supervision heads, counters of averages.
LEFT_OUT = re.compile(
    r"decoder_|decoder\.|mask_token$|n_averaged$|pooler\.|head\.(?!weight$|bias$)"
)
# Properties that the presence of these tensors indicates.
FOREIGN = (
    (r"dist_token|head_dist", "a distilled DeiT, which has a second class token"),
    (r"norm_pre|ln_pre", "a norm in front of its blocks, as CLIP has"),
    (r"\.(q|k)_norm|\.(q|k)_bias|v_bias", "norms or biases of queries and keys"),
    (r"attn\.norm|mlp\.norm", "norms inside its blocks"),
    (r"fc1_g|fc1_x|mlp\.w\d", "a gated MLP (SwiGLU)"),
    (r"attn_pool", "attention pooling"),
    (r"rel_pos|relative_position|rope", "relative or rotary positions"),
    (r"lora_", "LoRA adapters: merge them first"),
    (r"pre_logits", "a layer in front of its head"),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a ViT. `side` is the number of patches along an edge, `classes` 0 without a
    head, `registers` the number of register tokens, and `prefix_position` whether these and the
    class token have a position."""

    embed_dim: int
    depth: int
    mlp_hidden: int
    patch_size: int
    in_channels: int
    side: int
    registers: int
    prefix_position: bool
    classes: int
    scaled: bool


def shape_of(tensors: State, missing: list[str]) -> Shape:
    """Compute the shape; ValueError unless the tensors are those of a plain ViT in that shape.

    If all matrices of a kind lack a bias, zero biases are added, and the kind is added to
    `missing`.
    """
    stem = tensors[STEM]
    if stem.ndim != 4 or stem.shape[2] != stem.shape[3] or not stem.numel():
        raise ValueError(f"{STEM} of shape {tuple(stem.shape)}: no square patches")
    embed_dim, in_channels, patch_size, _ = stem.shape
    _rename_norm(tensors)
    depth = _depth(tensors)
    registers = tensors["reg_token"].shape[1] if REGISTERS in tensors else 0
    side, prefix_position = _grid(tensors, 1 + registers)
    hidden = _length(tensors, "blocks.0.mlp.fc1.weight")
    classes = _length(tensors, "head.weight") if "head.weight" in tensors else 0
    found = Shape(
        embed_dim=embed_dim,
        depth=depth,
        mlp_hidden=hidden,
        patch_size=patch_size,
        in_channels=in_channels,
        side=side,
        registers=registers,
        prefix_position=prefix_position,
        classes=classes,
        scaled="blocks.0.ls1.gamma" in tensors,
    )
    expected = dict(_expected(found))
    _check_names(set(tensors), set(expected))
    for name in tensors:
        _check_shape(name, tensors[name], expected[name])
    _fill_biases(tensors, expected, missing)
    return found


def left_out(tensors: State) -> list[str]:
    """Remove tensors that a trained ViT does not need from `tensors`; return their names."""
    names = sorted(name for name in tensors if LEFT_OUT.match(name))
    for name in names:
        del tensors[name]
    return names


def _rename_norm(tensors: State) -> None:
    """Rename a norm behind the pooling to the norm in front of it: on the class token alone, which
    the source's pooling must state, they are the same."""
    for part in ("weight", "bias"):
        if f"fc_norm.{part}" in tensors and f"norm.{part}" not in tensors:
            tensors[f"norm.{part}"] = tensors.pop(f"fc_norm.{part}")


def _depth(tensors: State) -> int:
    numbers = {name.split(".")[1] for name in tensors if name.startswith("blocks.")}
    depth = len(numbers)
    if not depth or numbers != {str(number) for number in range(depth)}:
        shown = ", ".join(plain(number, 12) for number in sorted(numbers)[:4])
        raise ValueError(f"blocks that are not numbered from 0 on ({shown or 'none'})")
    return depth


def _grid(tensors: State, prefix: int) -> tuple[int, bool]:
    """Patches along an edge, and whether there are `prefix` more positions, for the class token and
    the registers."""
    for name in ("cls_token", "pos_embed"):
        if name not in tensors:
            raise ValueError(f"no {name}{_meaning(tensors)}")
    position = tensors["pos_embed"]
    count = position.shape[1] if position.ndim == 3 else 0
    found = [
        (math.isqrt(patches), patches < count)
        for patches in (count - prefix, count)
        if patches > 0 and math.isqrt(patches) ** 2 == patches
    ]
    if len(found) != 1:
        what = _meaning(tensors) or (
            ": no square of patches and a class token"
            if not found
            else ": two squares are possible"
        )
        raise ValueError(f"pos_embed of shape {tuple(position.shape)}{what}")
    return found[0]


def _length(tensors: State, name: str) -> int:
    if name not in tensors:
        raise ValueError(f"no {name}{_meaning(tensors)}")
    return len(tensors[name]) if tensors[name].ndim else 0


def _expected(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a plain ViT."""
    dim, hidden = shape.embed_dim, shape.mlp_hidden
    sizes = {
        "attn.qkv": (3 * dim, dim),
        "attn.proj": (dim, dim),
        "mlp.fc1": (hidden, dim),
        "mlp.fc2": (dim, hidden),
    }
    for index in range(shape.depth):
        for matrix in MATRICES:
            yield f"blocks.{index}.{matrix}.weight", sizes[matrix]
            yield f"blocks.{index}.{matrix}.bias", sizes[matrix][:1]
        for norm in ("norm1", "norm2"):
            yield from _of_channels(f"blocks.{index}.{norm}", dim)
        for scale in ("ls1", "ls2") if shape.scaled else ():
            yield f"blocks.{index}.{scale}.gamma", (dim,)
    yield STEM, (dim, shape.in_channels, shape.patch_size, shape.patch_size)
    yield "patch_embed.proj.bias", (dim,)
    yield "cls_token", (1, 1, dim)
    if shape.registers:
        yield REGISTERS, (1, shape.registers, dim)
    prefix = (1 + shape.registers) * shape.prefix_position
    yield "pos_embed", (1, shape.side**2 + prefix, dim)
    yield from _of_channels("norm", dim)
    if shape.classes:
        yield "head.weight", (shape.classes, dim)
        yield "head.bias", (shape.classes,)


def _of_channels(norm: str, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{norm}.weight", (dim,)
    yield f"{norm}.bias", (dim,)


def _check_names(given: set[str], expected: set[str]) -> None:
    foreign = sorted(given - expected)
    if foreign:
        names = listed([plain(name, 40) for name in foreign], most=3)
        raise ValueError(f"tensors that a plain ViT has not: {names}{_meaning(foreign)}")
    lacking = sorted(name for name in expected - given if not BIAS.search(name))
    if lacking:
        raise ValueError(f"a ViT that lacks {listed(lacking, most=3)}")


def _meaning(names: object) -> str:
    text = " ".join(sorted(names))  # type: ignore[call-overload]
    return next((f" ({what})" for pattern, what in FOREIGN if re.search(pattern, text)), "")


def _fill_biases(tensors: State, expected: dict[str, tuple[int, ...]], missing: list[str]) -> None:
    """Add zero biases of a kind that no block has; ValueError if only some blocks have it."""
    lacking = [name for name in expected if name not in tensors]
    for kind in dict.fromkeys(_kind(name) for name in lacking):
        names = [name for name in expected if _kind(name) == kind]
        if any(name in tensors for name in names):
            absent = next(name for name in names if name not in tensors)
            raise ValueError(f"a ViT that lacks {absent}")
        for name in names:
            tensors[name] = torch.zeros(expected[name])
        missing.append(kind)


def _kind(name: str) -> str:
    return re.sub(r"^blocks\.\d+\.", "", name)


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        gated = name.endswith("mlp.fc2.weight") and 2 * tensor.shape[-1] == shape[-1]
        what = " (a gated MLP, SwiGLU)" if gated else ""
        found = tuple(tensor.shape)
        raise ValueError(f"{name} of shape {found}{what}, where {shape} belongs to the others")
    dense = tensor.layout is torch.strided and not tensor.is_quantized
    if not (dense and tensor.is_floating_point() and tensor.device.type == "cpu"):
        kind = "quantized" if tensor.is_quantized else str(tensor.dtype).removeprefix("torch.")
        raise ValueError(f"{name} that is no plain tensor of floating point ({kind})")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise ValueError(f"{name} that says to be larger than the file")


def check_values(tensors: State) -> None:
    """Raise ValueError if a weight is not finite in single precision, or a matrix is all zero."""
    for name, tensor in tensors.items():
        wrong = int((~tensor.float().isfinite()).sum())
        if wrong:
            values = f"{wrong:,} of {tensor.numel():,} values" if tensor.numel() > 1 else "a value"
            raise ValueError(f"{values} of {name} that are no finite numbers")
        if tensor.ndim > 1 and name.endswith(".weight") and not tensor.any():
            raise ValueError(f"{name} of zeros")
