"""timm in, timm out: logits equal to 1e-5 with quantization off; what cannot be held is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from qnas._util.timm_support import import_timm
from qnas.errors import CheckpointError, ConfigError, UnknownNameError
from qnas.space import SearchSpace
from qnas.supernet.export.timm_export import state_dict
from qnas.supernet.export.timm_files import read_state_dict, timm_weights
from qnas.supernet.export.timm_import import load_timm
from qnas.supernet.forward import forward
from qnas.supernet.model import Supernet

SPACE = SearchSpace(
    name="vit",
    image_size=16,
    patch_size=4,
    in_channels=3,
    num_classes=7,
    head_dim=8,
    embed_dims=(16, 24, 32),
    depths=(2, 3),
    num_heads=(2, 3, 4),
    mlp_ratios=(2.0, 3.0),
)
State = dict[str, Tensor]


def vit(**changes: Any) -> Any:
    """A plain timm ViT whose every parameter is random, norms and biases too."""
    arguments = {"img_size": 16, "patch_size": 4, "num_classes": 7, "embed_dim": 24, "depth": 2}
    arguments |= {"num_heads": 3, "mlp_ratio": 3.0, **changes}
    torch.manual_seed(0)
    model = import_timm("timm.models").VisionTransformer(**arguments).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def supernet(space: SearchSpace = SPACE) -> Supernet:
    torch.manual_seed(1)
    return Supernet(space, input_step=1 / 31)


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(2))


def saved(model: Any, path: Path) -> str:
    save_file(model.state_dict(), path)
    return str(path)


def logits(net: Supernet, arch: Any) -> Tensor:
    with torch.no_grad():
        return forward(net.slice(arch), images(), quantize=False)


@pytest.mark.parametrize("changes", [{}, {"init_values": 0.3}, {"no_embed_class": True}])
def test_the_matching_subnet_has_timms_logits(tmp_path: Path, changes: dict[str, Any]) -> None:
    model, net = vit(**changes), supernet()
    arch = load_timm(net, saved(model, tmp_path / "vit.safetensors"))
    assert arch in SPACE
    with torch.no_grad():
        torch.testing.assert_close(logits(net, arch), model(images()), rtol=0, atol=1e-5)


def test_larger_subnets_begin_near_the_checkpoint(tmp_path: Path) -> None:
    model, net = vit(), supernet()
    fresh = logits(net, SPACE.largest())
    load_timm(net, saved(model, tmp_path / "vit.safetensors"))
    with torch.no_grad():
        wanted = model(images())
    near, far = (
        torch.nn.functional.cosine_similarity(x, wanted).mean()
        for x in (logits(net, SPACE.largest()), fresh)
    )
    assert near > 0.9 > far + 0.3


def test_row_steps_follow_the_loaded_weights(tmp_path: Path) -> None:
    model, net = vit(), supernet()
    before = net.block(0).fc1.log_step4.detach().clone()
    load_timm(net, saved(model, tmp_path / "vit.safetensors"))
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
    arch = load_timm(net, saved(model, tmp_path / "vit.safetensors"))
    assert arch.num_patches == 16 and torch.equal(net.head.weight, head)
    layers = import_timm("timm.layers")
    wanted = layers.resample_abs_pos_embed(model.pos_embed.detach(), new_size=[4, 4])[0, 1:]
    torch.testing.assert_close(net.position[1:, :24], wanted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed_dim": 40, "num_heads": 5}, r"embed_dim` must be at most 32.*'vit'; got 40"),
        ({"depth": 4}, "depth` must be at most 3"),
        ({"mlp_ratio": 8.0}, "MLP width` must be at most 96"),
        ({"patch_size": 8}, "patch size` must be 4"),
        ({"in_chans": 1}, "channels of its images` must be 3"),
        ({"embed_dim": 20, "num_heads": 2}, "multiple of the head_dim"),
        ({"reg_tokens": 2}, "class token and learned positions"),
        ({"qk_norm": True}, "class token and learned positions"),
        ({"class_token": False, "global_pool": "avg"}, "class token and learned positions"),
    ],
)
def test_what_a_supernet_cannot_hold_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    net = supernet()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(CheckpointError, match=message):
        load_timm(net, saved(vit(**changes), tmp_path / "vit.safetensors"))
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    ],
)
def test_torch_files_as_training_scripts_write_them(
    tmp_path: Path, wrap: Callable[[State], Any]
) -> None:
    state = vit().state_dict()
    torch.save(wrap(state), tmp_path / "vit.pth")
    found = read_state_dict(tmp_path / "vit.pth")
    assert found.keys() == state.keys() and torch.equal(found["norm.bias"], state["norm.bias"])


class Trap:
    """Code that a pickle would run: it makes the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("content", [b"nothing", b"", b"{}"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"bad{suffix}.*must be a state dict"):
        read_state_dict(path)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": Trap(tmp_path / "sprung")}, tmp_path / "bad.pth")
    with pytest.raises(CheckpointError, match="more than tensors"):
        read_state_dict(tmp_path / "bad.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_misspelt_name_and_one_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'deit_small_patch16_224'"):
        timm_weights("deit_smal_patch16_224")
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", "/nowhere")
    with pytest.raises(ConfigError, match=r"Go online for the first run, or give a file"):
        timm_weights("deit_tiny_patch16_224.fb_in1k")


def uniform(net: Supernet) -> Any:
    largest = SPACE.largest()
    block = replace(largest.blocks[0], num_heads=3, mlp_hidden=48)
    return replace(largest, embed_dim=24, blocks=(block,) * 3)


def test_a_uniform_subnet_goes_out_as_a_plain_timm_model(tmp_path: Path) -> None:
    net = supernet()
    for index in range(3):  # layer scales that folding must not lose
        net.block(index).proj_scale.data.uniform_(0.2, 2.0)
        net.block(index).fc2_scale.data.uniform_(0.2, 2.0)
    arch = uniform(net)
    state_dict(net.slice(arch)).write(tmp_path / "weights.safetensors")
    with safe_open(tmp_path / "weights.safetensors", framework="pt") as stream:
        metadata = stream.metadata()
    arguments = json.loads(metadata["VisionTransformer"])
    model = import_timm("timm.models").VisionTransformer(**arguments).eval()
    model.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(model(images()), logits(net, arch), rtol=0, atol=1e-5)
    assert load_timm(supernet(), str(tmp_path / "weights.safetensors")).embed_dim == 24


def test_what_timm_cannot_express_is_said_and_written_under_our_names() -> None:
    net = supernet()
    arch = next(a for a in iter(lambda: SPACE.sample(Random(5)), None) if a.depth > 1)
    wide = replace(arch.blocks[0], num_heads=4, mlp_hidden=2 * arch.embed_dim)
    narrow = replace(arch.blocks[0], num_heads=2, mlp_hidden=3 * arch.embed_dim)
    mixed = replace(arch, blocks=(wide, narrow))
    found = state_dict(net.slice(mixed))
    assert len(found.obstacles) == 3 and "block1.fc2.weight" in found.tensors
    torch.testing.assert_close(
        found.tensors["block0.q.weight"], net.block(0).q.weight[:32, : arch.embed_dim]
    )
