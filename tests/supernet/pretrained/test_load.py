"""A pretrained ViT in a supernet: logits equal to 1e-5 with quantization off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from qnas._util.timm_support import import_timm
from qnas.errors import CheckpointError, ConfigError, UnknownNameError
from qnas.supernet.pretrained import Pretrained
from qnas.supernet.pretrained.load import check_pretrained, load_pretrained
from qnas.supernet.pretrained.timm_models import fetched
from tests.supernet.pretrained.vits import SPACE, given, images, logits, saved, supernet, vit


@pytest.mark.parametrize(
    "changes", [{}, {"init_values": 0.3}, {"no_embed_class": True}, {"qkv_bias": False}]
)
def test_the_matching_subnet_has_timms_logits(tmp_path: Path, changes: dict[str, Any]) -> None:
    model, net = vit(**changes), supernet()
    found = load_pretrained(net, given(saved(model, tmp_path / "vit.safetensors")))
    assert found.architecture in SPACE and found.head and not found.outside
    with torch.no_grad():
        wanted = model(images())
    torch.testing.assert_close(logits(net, found.architecture), wanted, rtol=0, atol=1e-5)


def test_a_space_of_8_bit_activations_holds_it_too(tmp_path: Path) -> None:
    space = replace(SPACE, activation_bits=8)
    found = check_pretrained(space, given(saved(vit(), tmp_path / "vit.safetensors")))
    assert found.architecture in space


def test_larger_subnets_begin_near_the_checkpoint(tmp_path: Path) -> None:
    model, net = vit(), supernet()
    fresh = logits(net, SPACE.largest())
    load_pretrained(net, given(saved(model, tmp_path / "vit.safetensors")))
    with torch.no_grad():
        wanted = model(images())
    near, far = (
        torch.nn.functional.cosine_similarity(x, wanted).mean()
        for x in (logits(net, SPACE.largest()), fresh)
    )
    assert near > 0.9 > far + 0.3


def test_row_steps_follow_the_loaded_weights(tmp_path: Path) -> None:
    net = supernet()
    before = net.block(0).fc1.log_step4.detach().clone()
    load_pretrained(net, given(saved(vit(), tmp_path / "vit.safetensors")))
    matrix = net.block(0).fc1
    assert not torch.equal(matrix.log_step4, before)
    ratio = matrix.weight.std(dim=1) / matrix.log_step4.exp()
    torch.testing.assert_close(ratio, torch.full_like(ratio, 1 / 0.335))
    net.initialise_steps(images())
    assert net(images(), SPACE.largest()).isfinite().all()


def test_another_grid_is_interpolated_and_another_head_left_out(tmp_path: Path) -> None:
    model = vit(img_size=32, num_classes=5)
    net = supernet()
    head = net.head.weight.detach().clone()
    found = load_pretrained(net, given(saved(model, tmp_path / "vit.safetensors")))
    assert found.architecture.num_patches == 16 and torch.equal(net.head.weight, head)
    layers = import_timm("timm.layers")
    wanted = layers.resample_abs_pos_embed(model.pos_embed.detach(), new_size=[4, 4])[0, 1:]
    torch.testing.assert_close(net.position[1:, :24], wanted)
    assert not found.head
    told = "\n".join(found.lines())
    assert "left out: the head: its 5 classes are not the 7 of the space 'vit'" in told
    assert "resampled: positions, from 8 x 8 patches to 4 x 4" in told


def test_what_the_space_has_not_is_said(tmp_path: Path) -> None:
    """Depth 1 is none of 2 and 3; 8 channels and 1 head are none either; the weights go in."""
    model, net = vit(embed_dim=8, depth=1, num_heads=1, mlp_ratio=2.5), supernet()
    found = load_pretrained(net, given(saved(model, tmp_path / "vit.safetensors"), heads=1))
    assert found.outside == (
        "its embed dim 8 is none of 16, 24, 32; its depth 1 is none of 2, 3; "
        "its heads 1 is none of 2, 3, 4; its MLP ratio 2.5 is none of 2, 3"
    )
    with torch.no_grad():
        wanted = model(images())
    torch.testing.assert_close(logits(net, found.architecture), wanted, rtol=0, atol=1e-5)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "wider": ({"embed_dim": 40, "num_heads": 5}, r"embed_dim` must be at most 32.*'vit'; got 40"),
    "deeper": ({"depth": 4}, "depth` must be at most 3"),
    "wider inside": ({"mlp_ratio": 8.0}, "MLP width` must be at most 96"),
    "larger patches": ({"patch_size": 8}, "patch size` must be 4"),
    "grey": ({"in_chans": 1}, "channels of its images` must be 3"),
    "odd width": ({"embed_dim": 20, "num_heads": 2}, "multiple of the head_dim"),
    "registers": ({"reg_tokens": 2}, "number of register tokens.*must be 0"),
    "normed queries": ({"qk_norm": True}, "norms or biases of queries and keys"),
    "no class token": ({"class_token": False, "global_pool": "avg"}, "no cls_token"),
    "CLIP": ({"pre_norm": True}, "a norm in front of its blocks"),
    "a norm in attention": ({"scale_attn_norm": True}, "norms inside its blocks"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_supernet_cannot_hold_is_refused(tmp_path: Path, case: str) -> None:
    changes, message = REFUSED[case]
    net = supernet()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_pretrained(net, given(saved(vit(**changes), tmp_path / "vit.safetensors")))
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())


def test_a_misspelt_name_and_one_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'deit_small_patch16_224'"):
        check_pretrained(SPACE, Pretrained("deit_smal_patch16_224"))
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")
    for name in ("deit_tiny_patch16_224.fb_in1k", "hf-hub:timm/deit_tiny_patch16_224.fb_in1k"):
        with pytest.raises(ConfigError, match=r"Go online for the first run, or give a file"):
            fetched(name)
