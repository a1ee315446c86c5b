"""A teacher: a timm model whose logits the largest subnet learns from."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qnas._util.timm_support import import_timm
from qnas.errors import ConfigError, nearest, problem
from qnas.supernet.pretrained.read import read_state_dict
from qnas.supernet.pretrained.stored import plain
from qnas.training.recipe import Recipe


def load_teacher(
    recipe: Recipe, *, num_classes: int, image_shape: tuple[int, int, int]
) -> nn.Module | None:
    """Load the recipe's teacher, without gradients and in eval mode; None if it names none.

    With `teacher_file`, a state dict (safetensors or torch), the model is built for `num_classes`
    and `image_shape` (C, H, W) and gets these weights; without it, timm downloads the model's own
    weights. Raises ConfigError if the weights do not fit, or if the logits of images (B, C, H, W)
    are not (B, classes), and CheckpointError for a file without a state dict.
    """
    if not recipe.teacher:
        return None
    model = _from_file(recipe, num_classes, image_shape) if recipe.teacher_file else _named(recipe)
    model.eval().requires_grad_(False)
    try:
        with torch.no_grad():
            shape = tuple(model(torch.zeros(1, *image_shape)).shape)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = plain((str(error).splitlines() or [type(error).__name__])[0])
        raise _misfit(f"images of {image_shape}", recipe.teacher, reason) from None
    if shape != (1, num_classes):
        raise _misfit(f"{num_classes} classes", recipe.teacher, f"logits {shape}")
    return model


def distillation(logits: Tensor, teacher: Tensor, *, temperature: float) -> Tensor:
    """Cross entropy with the teacher's softened logits (arXiv:1503.02531) times temperature**2.

    The factor keeps the gradients as large as those of the labels' loss.
    """
    soft = (teacher / temperature).softmax(dim=-1)
    return F.cross_entropy(logits / temperature, soft) * temperature**2


def _named(recipe: Recipe) -> nn.Module:
    timm = check_teacher(recipe.teacher)
    try:
        model: nn.Module = timm.create_model(recipe.teacher, pretrained=True)
    except Exception as error:  # the hub raises exceptions of many libraries
        rule = "must be fetched with its weights"
        remedy = "Go online, or give train.teacher_file."
        raise ConfigError(problem(f"teacher {recipe.teacher}", rule, error, remedy)) from error
    return model


def _from_file(recipe: Recipe, num_classes: int, shape: tuple[int, int, int]) -> nn.Module:
    timm = check_teacher(recipe.teacher)
    settings: dict[str, Any] = {"num_classes": num_classes, "in_chans": shape[0]}
    try:
        model: nn.Module = timm.create_model(recipe.teacher, img_size=shape[1], **settings)
    except TypeError:  # a convolutional network has no argument for the image size
        model = timm.create_model(recipe.teacher, **settings)
    state = read_state_dict(Path(recipe.teacher_file))
    if fault := _fault(model.state_dict(), state):
        needed = f"weights of {recipe.teacher} for {num_classes} classes and images of {shape}"
        raise _misfit(needed, recipe.teacher_file, fault)
    model.load_state_dict(state)
    return model


def _fault(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """The reason why a model with tensors `wanted` cannot load those `given`; "" if it can."""
    for what, names in (
        ("without", [name for name in wanted if name not in given]),
        ("with", [name for name in given if name not in wanted]),
    ):
        if names:
            return f"{what} {len(names)} tensors such as {plain(names[0])}"
    faults = (_fault_of(name, tensor, given[name]) for name, tensor in wanted.items())
    return next((fault for fault in faults if fault), "")


def _fault_of(name: str, wanted: Tensor, given: Tensor) -> str:
    if given.shape != wanted.shape:
        return f"{name} of shape {tuple(given.shape)}, not {tuple(wanted.shape)}"
    dense = given.layout is torch.strided and given.device.type == "cpu"
    if not dense or given.is_floating_point() != wanted.is_floating_point():
        return f"{name} of {given.dtype}, not {wanted.dtype}"
    return "" if given.isfinite().all() else f"{name} with values that are no finite numbers"


def check_teacher(name: str) -> Any:
    """timm, which has the model `name`; ConfigError if it has not."""
    timm = import_timm("timm")
    if name.split(".")[0] not in timm.list_models():
        remedy = nearest(name, get_close_matches(name, timm.list_models(), n=5, cutoff=0.0))
        raise ConfigError(problem("train.teacher", "must be a model of timm's", name, remedy))
    return timm


def _misfit(needed: str, name: str, found: object) -> ConfigError:
    remedy = "Choose another teacher, or another space."
    return ConfigError(problem(f"teacher {name}", f"must be for {needed}", found, remedy))
