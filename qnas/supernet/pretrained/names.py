"""Finds the tensors of a vision transformer in a file, and renames them to timm's names.

Trainers nest state dicts in dictionaries, and wrap models in modules, which prefixes the names.
Hugging Face's and torchvision's vision transformers have the same tensors under other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qnas.supernet.pretrained.stored import plain

State = dict[str, Tensor]
Pairs = tuple[tuple[str, str], ...]

# Parts of names that wrappers insert: DataParallel, torch.compile, FSDP, activation checkpoints.
INSERTED = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# Keys of averaged weights and of last weights in trainers' files. timm reads averaged ones first.
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema", "ema_model", "params_ema")
LAST = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params")
BESIDE = {"optimizer", "optimizer_states", "lr_scheduler", "lr_schedulers", "scaler", "callbacks"}
SEVERAL = "several networks"
DEPTH = 3  # levels of nested dictionaries to search
STEM = "patch_embed.proj.weight"

# (pattern, replacement) at the beginning of a name or after a dot; the first match applies.
# The transformers package names a ViT's layers differently in files and since its version 5.
LAYER = r"(?:encoder\.layer|layers)\.(\d+)"
HUGGING_FACE = (
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"embeddings\.cls_token$", "cls_token"),
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.mask_token$", "mask_token"),
    (r"embeddings\.distillation_token$", "dist_token"),
    (LAYER + r"\.attention\.attention\.(?:(q)uery|(k)ey|(v)alue)\.", r"blocks.\1.attn.\2\3\4."),
    (LAYER + r"\.attention\.([qkv])_proj\.", r"blocks.\1.attn.\2."),
    (LAYER + r"\.attention\.(?:output\.dense|o_proj)\.", r"blocks.\1.attn.proj."),
    (LAYER + r"\.(?:intermediate\.dense|mlp\.fc1)\.", r"blocks.\1.mlp.fc1."),
    (LAYER + r"\.(?:output\.dense|mlp\.fc2)\.", r"blocks.\1.mlp.fc2."),
    (LAYER + r"\.layernorm_before\.", r"blocks.\1.norm1."),
    (LAYER + r"\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"layernorm\.", "norm."),
)
TORCHVISION = (
    (r"conv_proj\.", "patch_embed.proj."),
    (r"class_token$", "cls_token"),
    (r"encoder\.pos_embedding$", "pos_embed"),
    (r"encoder\.layers\.encoder_layer_(\d+)\.ln_(\d)\.", r"blocks.\1.norm\2."),
    (r"encoder\.layers\.encoder_layer_(\d+)\.self_attention\.in_proj_", r"blocks.\1.attn.qkv."),
    (r"encoder\.layers\.encoder_layer_(\d+)\.self_attention\.out_proj\.", r"blocks.\1.attn.proj."),
    (r"encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:0|linear_1)\.", r"blocks.\1.mlp.fc1."),
    (r"encoder\.layers\.encoder_layer_(\d+)\.mlp\.(?:3|linear_2)\.", r"blocks.\1.mlp.fc2."),
    (r"encoder\.ln\.", "norm."),
    (r"heads\.head\.", "head."),
)
# DeiT III, in the DeiT project's own code.
DEIT = ((r"blocks\.(\d+)\.gamma_(\d)$", r"blocks.\1.ls\2.gamma"),)


@dataclass(frozen=True, eq=False)
class Found:
    """A vision transformer in a file: `tensors` by timm's names, its position `where` in the file
    ("" for the whole file), and the names of `others`, tensors that are not part of it."""

    tensors: State
    where: str
    others: tuple[str, ...]

    @property
    def averaged(self) -> bool:
        """Whether these are averages over training, and not the last weights."""
        return "ema" in re.split(r"[._ ]", self.where)


def state_of(content: Any) -> State:
    """The state dict of any network in `content`; ValueError if there is none."""
    states = dict(_states(content))
    for where in (*AVERAGED, *LAST, ""):
        if where in states:
            return _cleaned(states[where])
    if len(states) == 1:
        return _cleaned(*states.values())
    raise ValueError(_without_tensors(content) if not states else _several(list(states)))


def find_vit(content: Any) -> Found:
    """The vision transformer in `content`; ValueError if there is none, or more than one."""
    states = {where: _cleaned(state) for where, state in _states(content)}
    if not states:
        raise ValueError(_without_tensors(content))
    found = [vit for where, state in states.items() for vit in _vits(where, state)]
    if len(found) > 1:
        found = _preferred(found)
    if not found:
        names = ", ".join(plain(name, 40) for name in list(next(iter(states.values())))[:3])
        raise ValueError(f"another network (no {STEM}, but {names}, ...)")
    return found[0]


def _preferred(found: list[Found]) -> list[Found]:
    """The preferred ones of several: averaged weights, or else those under a usual key."""
    averaged = [vit for vit in found if vit.averaged]
    last = [vit for vit in found if vit.where.split(".")[0] in LAST]
    for chosen in (averaged, last):
        if len(chosen) == 1:
            return chosen
    raise ValueError(_several([vit.where or "the top level" for vit in found]))


def _several(places: list[str]) -> str:
    shown = ", ".join(f"`{plain(place, 40)}`" for place in places[:6])
    return f"{SEVERAL} ({shown})"


def _states(content: Any, where: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Every dictionary of tensors by name, with its position in the file."""
    if not isinstance(content, Mapping) or depth > DEPTH:
        return
    named = {key: value for key, value in content.items() if isinstance(key, str)}
    tensors = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    if tensors:
        yield where, tensors
    for key, value in named.items():
        if key not in BESIDE:
            yield from _states(value, f"{where}.{key}" if where else key, depth + 1)


def _without_tensors(content: Any) -> str:
    kind = type(content).__name__
    return f"a {kind} without tensors by name" if isinstance(content, Mapping) else f"a {kind}"


def _cleaned(state: State) -> State:
    """`state` without the parts of names that wrappers insert; ValueError if names collide."""
    cleaned: State = {}
    for name, tensor in state.items():
        clean = ".".join(part for part in name.split(".") if part not in INSERTED)
        if clean in cleaned:
            raise ValueError(f"two tensors of the name {plain(clean)}")
        cleaned[clean] = tensor.detach()
    return cleaned


def _vits(where: str, state: State) -> Iterator[Found]:
    """Every vision transformer of a state dict, found by its patch embedding."""
    renamed = _renamed(state)
    for stem in [name for name in renamed if name == STEM or name.endswith(f".{STEM}")]:
        prefix = stem.removesuffix(STEM)
        inside = {n.removeprefix(prefix): t for n, t in renamed.items() if n.startswith(prefix)}
        others = tuple(sorted(n for n in renamed if not n.startswith(prefix)))
        place = ".".join(part for part in (where, prefix.removesuffix(".")) if part)
        yield Found(_joined(inside), place, others)


def _renamed(state: State) -> State:
    """`state` by timm's names if its naming scheme is known, otherwise unchanged."""
    names = list(state)
    rules: Pairs
    roots: Pairs
    if any("embeddings.patch_embeddings.projection." in name for name in names):
        rules, roots = HUGGING_FACE, (("classifier.", "head."), ("vit.", ""), ("deit.", ""))
    elif any(name.endswith("conv_proj.weight") for name in names):
        rules, roots = TORCHVISION, ()
    else:
        rules, roots = DEIT, ()
    renamed: State = {}
    for name, tensor in state.items():
        own = next((new + name.removeprefix(o) for o, new in roots if name.startswith(o)), name)
        for pattern, replacement in rules:
            own, count = re.subn(rf"(?:(?<=^)|(?<=\.)){pattern}", replacement, own, count=1)
            if count:
                break
        if own in renamed:
            raise ValueError(f"two tensors of the name {plain(own)}")
        renamed[own] = tensor
    return renamed


def _joined(state: State) -> State:
    """`state` with queries, keys and values joined in one tensor, as in timm."""
    joined = dict(state)
    for name in state:
        if match := re.fullmatch(r"(blocks\.\d+\.attn)\.q\.(weight|bias)", name):
            parts = [f"{match[1]}.{part}.{match[2]}" for part in "qkv"]
            if any(part not in state for part in parts) or len({state[p].ndim for p in parts}) > 1:
                raise ValueError(f"no whole {match[1]}.qkv")
            try:
                joined[f"{match[1]}.qkv.{match[2]}"] = torch.cat([joined.pop(p) for p in parts])
            except RuntimeError:
                raise ValueError(
                    f"queries, keys and values of unlike sizes in {match[1]}"
                ) from None
    return joined
