"""timm's models by name: function, weights, and statistics of the training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

from qnas._util.timm_support import HUBS, import_timm
from qnas.errors import CheckpointError, ConfigError, UnknownNameError, problem
from qnas.supernet.pretrained.function import Function
from qnas.supernet.pretrained.stored import plain

ARGUMENTS = {"img_size", "patch_size", "in_chans", "num_classes", "embed_dim", "depth"}
ARGUMENTS |= {"num_heads", "mlp_ratio"}  # arguments of a model that qnas exported


PLAIN_VITS = "DeiT (not distilled) and ViT are such models."


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A plain ViT of timm. `sizes` are embed dim, depth, MLP width and patch size; `mean` and `std`
    are those of its training images, if timm knows them."""

    function: Function
    sizes: tuple[int, int, int, int]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def is_timm_name(name: object) -> bool:
    """Whether timm has a model of this name, with or without a tag."""
    models = import_timm().list_models
    return isinstance(name, str) and name.split(".")[0] in models()


def fetched(name: str) -> tuple[dict[str, Tensor], KnownModel]:
    """Download the weights of a timm model.

    Raises UnknownNameError for a name that timm does not know, ConfigError for weights that cannot
    be downloaded, CheckpointError for a model that is no plain ViT.
    """
    timm = import_timm()
    if not name.startswith(HUBS):
        check_name(name, "pretrained", "must be a model of timm's, or a file of weights")
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # the hub raises exceptions of many libraries
        rule = "must be fetched with its weights"
        remedy = "Go online for the first run, or give a file of its weights (.safetensors, .pth)."
        reason = plain(" ".join(str(error).split()) or type(error).__name__, 200)
        raise ConfigError(problem(f"pretrained {name}", rule, reason, remedy)) from error
    return dict(model.state_dict()), known_model(model, f"timm's {name}")


def check_name(name: str, key: str, rule: str) -> None:
    """UnknownNameError unless timm has a model of that name."""
    if is_timm_name(name):
        return
    models = import_timm().list_models(["deit*", "vit*"])
    close = get_close_matches(name, models, n=1, cutoff=0.5)
    guess = f"Did you mean {close[0]!r}? " if close else ""
    remedy = f"{guess}timm.list_models() lists them."
    raise UnknownNameError(problem(key, rule, repr(name), remedy))


def named(name: str, arguments: Mapping[str, Any], by: str) -> KnownModel:
    """Build the named model without memory for its weights.

    Raises CheckpointError for a model that is no plain ViT or cannot be built with `arguments`.
    """
    try:
        with torch.device("meta"):
            model = import_timm().create_model(name, pretrained=False, **arguments)
    except Exception as error:  # timm raises many types for unsuitable arguments
        rule = "must be a model that timm can make"
        raise CheckpointError(problem(by, rule, type(error).__name__, PLAIN_VITS)) from None
    return known_model(model, by)


def known_model(model: Any, by: str) -> KnownModel:
    """The properties of a timm `model`; CheckpointError unless it is a plain ViT."""
    vit = import_timm("timm.models.vision_transformer")
    blocks = list(getattr(model, "blocks", []))
    if type(model) is not vit.VisionTransformer or {type(b) for b in blocks} != {vit.Block}:
        raise _no_plain_vit(by, _what(model))
    block, grid = blocks[0], model.patch_embed.grid_size
    if type(block.mlp).__name__ != "Mlp" or type(block.attn).__name__ != "Attention":
        raise _no_plain_vit(
            by, f"blocks of {type(block.attn).__name__}, {type(block.mlp).__name__}"
        )
    if grid and len(set(grid)) > 1:
        raise _no_plain_vit(by, f"{grid[0]} x {grid[1]} patches, which are no square")
    norms = [model.norm, model.fc_norm, *(norm for b in blocks for norm in (b.norm1, b.norm2))]
    if not all(isinstance(norm, nn.LayerNorm | nn.Identity) for norm in norms):
        raise _no_plain_vit(by, f"norms of the class {type(block.norm1).__name__}")
    function = Function(
        by=by,
        heads=block.attn.num_heads,
        activation=_activation(block.mlp.act),
        epsilon=max(norm.eps for norm in norms if isinstance(norm, nn.LayerNorm)),
        qk_norm=not isinstance(block.attn.q_norm, nn.Identity),
        pooling=model.global_pool,
    )
    width, patch = block.mlp.fc1.out_features, model.patch_embed.patch_size[0]
    sizes = (int(model.embed_dim), len(blocks), width, patch)
    trained = getattr(model, "pretrained_cfg", {}) or {}
    statistics = (tuple(trained.get(key) or ()) for key in ("mean", "std"))
    return KnownModel(function, sizes, *statistics)


def _no_plain_vit(by: str, what: str) -> CheckpointError:
    rule = "must be a plain ViT with class token and learned positions"
    return CheckpointError(problem(by, rule, plain(what), PLAIN_VITS))


def _what(model: nn.Module) -> str:
    if "Distilled" in type(model).__name__:
        return "a distilled DeiT, which has a second class token"
    blocks = {type(block).__name__ for block in getattr(model, "blocks", [])}
    return f"a {type(model).__name__}" + (f" of {', '.join(sorted(blocks))}" if blocks else "")


def _activation(act: nn.Module) -> str:
    """timm's name of the activation."""
    if isinstance(act, nn.GELU):
        return "gelu" if act.approximate == "none" else "gelu_tanh"
    names = {"GELU": "gelu", "GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu"}
    return names.get(type(act).__name__, type(act).__name__.lower())


def of_export(arguments: Any, by: str) -> Function | None:
    """The properties that qnas's export recorded: those of a plain `VisionTransformer`."""
    if not isinstance(arguments, dict) or set(arguments) != ARGUMENTS:
        return None
    heads = arguments["num_heads"]
    if not isinstance(heads, int) or isinstance(heads, bool):
        return None
    return Function(by, heads, "gelu", 1e-6, False, "token")
