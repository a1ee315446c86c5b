"""Weights of timm models: from files, and by name over the network."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from qnas._util.timm_support import import_timm, is_weights_file
from qnas.errors import CheckpointError, ConfigError, UnknownNameError, nearest, problem

# Training scripts save more than weights: where these keep them.
WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")
PREFIX = "module."  # what torch's wrapper for several devices puts before every name


def timm_weights(source: str) -> dict[str, Tensor]:
    """The state dict of a file, or of the timm model of that name, fetched with its weights.

    Raises CheckpointError for a file that holds no state dict, UnknownNameError for a name that
    timm does not know, ConfigError for weights that cannot be fetched.
    """
    return read_state_dict(Path(source)) if is_weights_file(source) else _fetched(source)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file or of a torch file; code in a torch file is never run."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return _unwrapped(torch.load(path, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        reason = f"more than tensors: {error}"
    except (OSError, EOFError, RuntimeError, ValueError, SafetensorError) as error:
        reason = str(error) or type(error).__name__
    raise CheckpointError(
        problem(
            str(path),
            "must be a state dict, in safetensors or as torch.save writes one",
            " ".join(reason.split())[:200],
            "Save model.state_dict() as safetensors.",
        )
    )


def _unwrapped(found: Any) -> dict[str, Tensor]:
    for wrapper in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
            break
    if not isinstance(found, Mapping) or not found:
        raise ValueError(f"a {type(found).__name__}")
    if not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError("other things than tensors")
    return {str(name).removeprefix(PREFIX): value for name, value in found.items()}


def _fetched(name: str) -> dict[str, Tensor]:
    timm = import_timm()
    if name.split(".")[0] not in timm.list_models():
        known = timm.list_models(["deit*", "vit*"])
        remedy = f"{nearest(name, known).split(' Known')[0]} timm.list_models() lists them."
        rule = "must be a model of timm's, or a file of weights"
        raise UnknownNameError(problem("pretrained", rule, repr(name), remedy))
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # the hub's errors are of many libraries
        text = " ".join(str(error).split())[:200]
        remedy = "Go online for the first run, or give a file of its weights (.safetensors, .pth)."
        rule = "must be fetched with its weights"
        raise ConfigError(problem(f"pretrained {name}", rule, text, remedy)) from error
    return dict(model.state_dict())
