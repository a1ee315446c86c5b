"""ViTs as people have them: computed as timm computes them, or refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.errors import CheckpointError, QnasError
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet
from qnas.supernet.pretrained.load import load_pretrained
from qnas.supernet.pretrained.own_space import own_model
from tests.supernet.pretrained.vits import given, saved, vit

TOLERANCE = 1e-4
# What differs from a plain ViT, and what a user must say of it.
SUPPORTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "layer scales": ({"init_values": 0.3}, {}),
    "no position for the class token": ({"no_embed_class": True}, {}),
    "registers": ({"reg_tokens": 3}, {}),
    "registers without positions": ({"reg_tokens": 2, "no_embed_class": True}, {}),
    "unbiased queries, keys, values": ({"qkv_bias": False}, {}),
    "no bias of the projection": ({"proj_bias": False}, {}),
    "a norm behind the pooling": ({"fc_norm": True}, {}),
    "two heads": ({"num_heads": 2}, {"heads": 2}),
    "grey images": ({"in_chans": 1}, {}),
    "three classes": ({"num_classes": 3}, {}),
    "an MLP of 2/3": ({"mlp_ratio": 2 / 3}, {}),
}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "mean pooling": ({"global_pool": "avg"}, {"pooling": "avg"}, "pooling.*class token; got avg"),
    "maximum": ({"global_pool": "max"}, {"pooling": "max"}, "pooling.*class token; got max"),
    "attention pooling": ({"global_pool": "map"}, {"pooling": "map"}, "attention pooling"),
    "no class token": (
        {"class_token": False, "global_pool": "avg"},
        {"pooling": "avg"},
        "no cls_token",
    ),
    "norms of queries": ({"qk_norm": True}, {"qk_norm": True}, "norms or biases of queries"),
    "a norm before the blocks": ({"pre_norm": True}, {}, "a norm in front of its blocks"),
    "norms inside": ({"scale_mlp_norm": True}, {}, "norms inside its blocks"),
    "no head": ({"num_classes": 0}, {}, "must have a head"),
    "five heads": ({}, {"heads": 5}, "heads` must divide its 24 channels; got 5"),
    "ReLU": ({}, {"activation": "relu"}, "activation` must be gelu"),
}


def trained(**changes: Any) -> Any:
    """A timm ViT after a few steps on random images: no tensor is as it was initialised."""
    model = vit(**changes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for seed in range(3):
        batch = pictures(model, 16, seed=seed)
        loss = F.cross_entropy(model(batch), torch.arange(16) % max(1, model.num_classes))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def pictures(model: Any, count: int, *, size: int = 16, seed: int = 9) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    channels = model.patch_embed.proj.in_channels
    return torch.randn(count, channels, size, size, generator=generator)


def imported(source: str, *, image_size: int = 0, **said: Any) -> Supernet:
    """A supernet of the model's own space, with its weights."""
    whole = given(source, **said)
    space = own_model(whole, name="mine", image_size=image_size).space
    net = Supernet(space, input_step=1 / 31)
    found = load_pretrained(net, whole)
    assert (found.outside, found.head) == ("", True)
    return net


def difference(net: Supernet, model: Any, size: int = 16) -> float:
    images = pictures(model, 4, size=size)
    with torch.no_grad():
        ours = forward(net.slice(net.space.largest()), images, quantize=False)
        return float((ours - model(images)).abs().max())


@pytest.mark.parametrize("case", SUPPORTED)
def test_computes_what_timm_computes(tmp_path: Path, case: str) -> None:
    changes, said = SUPPORTED[case]
    model = trained(**changes)
    net = imported(saved(model, tmp_path / "vit.safetensors"), **said)
    assert difference(net, model) <= TOLERANCE


@pytest.mark.parametrize("changes", [{}, {"reg_tokens": 2}, {"no_embed_class": True}])
def test_positions_are_resampled_as_by_timm(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = trained(**changes)
    net = imported(saved(model, tmp_path / "vit.safetensors"), image_size=24)
    assert net.space.largest().num_patches == 36
    model.set_input_size((24, 24))
    assert difference(net, model, size=24) <= TOLERANCE


@pytest.mark.parametrize("case", REFUSED)
def test_others_are_refused(tmp_path: Path, case: str) -> None:
    changes, said, message = REFUSED[case]
    source = saved(vit(**changes), tmp_path / "vit.safetensors")
    with pytest.raises(QnasError, match=message):
        own_model(given(source, **said), name="mine")


def test_a_distilled_deit_is_refused(tmp_path: Path) -> None:
    deit = import_timm("timm.models.deit").VisionTransformerDistilled
    model = deit(img_size=16, patch_size=4, embed_dim=24, depth=1, num_heads=3, num_classes=7)
    with pytest.raises(CheckpointError, match="a second class token"):
        own_model(given(saved(model, tmp_path / "vit.safetensors")), name="mine")


def test_positions_of_two_possible_grids_are_refused(tmp_path: Path) -> None:
    """Nine positions: of 3 x 3 patches, or of 2 x 2 patches, a class token and four registers."""
    model = vit(img_size=12, reg_tokens=4, no_embed_class=True)
    with pytest.raises(CheckpointError, match="two squares are possible"):
        own_model(given(saved(model, tmp_path / "vit.safetensors")), name="mine")
