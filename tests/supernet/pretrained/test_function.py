"""What tensors do not show: taken from who knows it, asked for, and never guessed."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from qnas._util.timm_support import import_timm
from qnas.errors import CheckpointError, ConfigError, QnasError, UnknownNameError
from qnas.space import SearchSpace
from qnas.supernet.pretrained import Pretrained
from qnas.supernet.pretrained.load import check_pretrained
from qnas.supernet.pretrained.timm_models import known_model
from tests.supernet.pretrained.vits import SAID, SPACE, given, saved, vit

# Of timm's deit_tiny_patch16_224, with two blocks.
DEIT = SearchSpace(
    name="deit",
    image_size=32,
    patch_size=16,
    in_channels=3,
    num_classes=1000,
    head_dim=64,
    embed_dims=(192,),
    depths=(2, 12),
    num_heads=(3,),
    mlp_ratios=(4.0,),
)


@pytest.fixture(scope="module")
def deit() -> dict[str, torch.Tensor]:
    """The tensors of a whole deit_tiny."""
    model = import_timm().create_model("deit_tiny_patch16_224")
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("missing", ["heads", "activation", "epsilon", "qk_norm", "pooling"])
def test_what_nobody_says_is_asked_for(tmp_path: Path, missing: str) -> None:
    said = {key: value for key, value in {"heads": 3, **SAID}.items() if key != missing}
    source = saved(vit(), tmp_path / "vit.safetensors")
    with pytest.raises(ConfigError, match=rf"nothing of {missing.replace('_', ' ')}\b") as caught:
        check_pretrained(SPACE, Pretrained(source, **said))
    assert f"pretrained_{missing} = " in str(caught.value)
    assert str(caught.value).count("pretrained_") == 3, (
        "the model's name, or this alone; and how options are named"
    )


def test_all_that_is_missing_is_asked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        check_pretrained(SPACE, Pretrained(saved(vit(), tmp_path / "vit.safetensors")))
    assert str(caught.value).count("pretrained_") == 7


def test_pooling_matters_only_with_a_head(tmp_path: Path) -> None:
    source = saved(vit(num_classes=5), tmp_path / "vit.safetensors")
    assert not check_pretrained(SPACE, given(source, pooling="")).head
    told = check_pretrained(SPACE, given(source, pooling="avg")).lines()
    assert "it pooled its tokens (avg); here the class token alone is read" in told


OTHERS: dict[str, tuple[dict[str, Any], type[QnasError], str]] = {
    "two heads of 12": ({"heads": 2}, CheckpointError, "heads` must be 3 in 24 channels.*got 2"),
    "six heads of 4": ({"heads": 6}, CheckpointError, "heads` must be 3 in 24 channels.*got 6"),
    "QuickGELU": ({"activation": "quick_gelu"}, CheckpointError, "must be gelu; got quick_gelu"),
    "ReLU": ({"activation": "relu"}, CheckpointError, "must be gelu; got relu"),
    "SiLU": ({"activation": "silu"}, CheckpointError, "must be gelu; got silu"),
    "a large epsilon": ({"epsilon": 1e-3}, CheckpointError, "at most 1e-05.*got 0.001"),
    "a huge epsilon": ({"epsilon": 1.0}, CheckpointError, "at most 1e-05.*got 1.0"),
    "normed queries": ({"qk_norm": True}, CheckpointError, "qk_norm` must be false"),
    "averaged": ({"pooling": "avg"}, CheckpointError, "class token; got avg"),
    "maximum": ({"pooling": "max"}, CheckpointError, "class token; got max"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_function_is_refused(tmp_path: Path, case: str) -> None:
    changes, kind, message = OTHERS[case]
    with pytest.raises(kind, match=message):
        check_pretrained(SPACE, given(saved(vit(), tmp_path / "vit.safetensors"), **changes))


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({"activation": "gelu_tanh"}, "GELU is computed exactly"),
        ({"activation": "gelu_pytorch_tanh"}, "GELU is computed exactly"),
        ({"epsilon": 1e-5}, "LayerNorm has epsilon 1e-06 here, and 1e-05 there"),
        ({"epsilon": 1e-12}, "LayerNorm has epsilon 1e-06 here, and 1e-12 there"),
    ],
)
def test_a_small_difference_is_said(tmp_path: Path, changes: dict[str, Any], remark: str) -> None:
    found = check_pretrained(SPACE, given(saved(vit(), tmp_path / "vit.safetensors"), **changes))
    assert any(remark in line for line in found.lines())


def test_tanh_gelu_is_as_near_as_is_said() -> None:
    x = torch.linspace(-8, 8, 100_001, dtype=torch.float64)
    exact, tanh = (nn.functional.gelu(x, approximate=how) for how in ("none", "tanh"))
    assert 0.0004 < (exact - tanh).abs().max() < 0.0005


def test_timms_name_says_everything(tmp_path: Path, deit: dict[str, torch.Tensor]) -> None:
    save_file(deit, tmp_path / "deit.safetensors")
    source = str(tmp_path / "deit.safetensors")
    found = check_pretrained(DEIT, Pretrained(source, model="deit_tiny_patch16_224"))
    assert found.architecture.blocks[0].num_heads == 3 and found.head
    assert found.mean == (0.485, 0.456, 0.406)
    for model, message in (
        ("deit_small_patch16_224", r"sizes of its weights, embed dim 192.*got embed dim 384"),
        ("resnet50", "must be a plain ViT.*got a ResNet"),
        ("deit_tiny_distilled_patch16_224", "must be a plain ViT.*second class token"),
        ("vit_relpos_base_patch16_224", "must be a plain ViT"),
        ("vit_giant_patch14_dinov2", "must be a plain ViT.*GluMlp"),
    ):
        with pytest.raises(CheckpointError, match=message):
            check_pretrained(DEIT, Pretrained(source, model=model))
    with pytest.raises(UnknownNameError, match="Did you mean 'deit_tiny_patch16_224'"):
        check_pretrained(DEIT, Pretrained(source, model="deit_tny_patch16_224"))
    with pytest.raises(CheckpointError, match=r"heads` must be one; got 6 \(the study\) and 3"):
        check_pretrained(DEIT, Pretrained(source, model="deit_tiny_patch16_224", heads=6))


NOTES: dict[str, dict[str, Any]] = {
    "timm": {"arch": "deit_tiny_patch16_224", "epoch": 3},
    "timm, all of it": {
        "arch": "deit_tiny_patch16_224",  # which has another GELU without the arguments
        "args": argparse.Namespace(
            model="deit_tiny_patch16_224", model_kwargs={"act_layer": "gelu_tanh"}
        ),
    },
    "timm with arguments": {"args": argparse.Namespace(model="deit_tiny_patch16_224", gp=None)},
    "DeiT": {"args": argparse.Namespace(model="deit_tiny_patch16_224", batch_size=64)},
    "Lightning": {"hyper_parameters": {"model_name": "deit_tiny_patch16_224", "lr": 1e-3}},
    "a dictionary": {"config": {"backbone": "deit_tiny_patch16_224.fb_in1k"}},
}


@pytest.mark.parametrize("case", NOTES)
def test_what_a_trainer_noted_is_taken(
    tmp_path: Path, deit: dict[str, torch.Tensor], case: str
) -> None:
    torch.save({"state_dict": deit, **NOTES[case]}, tmp_path / "deit.pth.tar")
    found = check_pretrained(DEIT, Pretrained(str(tmp_path / "deit.pth.tar")))
    assert found.architecture.blocks[0].num_heads == 3
    assert "in the file, deit_tiny_patch16_224" in found.lines()[1]


@pytest.mark.parametrize(
    ("noted", "message"),
    [
        ({"arch": "deit_small_patch16_224"}, "nothing of heads"),
        ({"arch": "deit_tiny_distilled_patch16_224"}, "must be a plain ViT"),
        ({"args": argparse.Namespace(model="deit_tiny_patch16_224", gp="avg")}, "class token; got"),
        (
            {
                "args": argparse.Namespace(
                    model="deit_tiny_patch16_224", model_kwargs={"num_heads": 6}
                )
            },
            "heads` must be 3",
        ),
        (
            {
                "args": argparse.Namespace(
                    model="deit_tiny_patch16_224", model_kwargs={"checkpoint_path": "/etc/passwd"}
                )
            },
            "nothing of heads",
        ),
        ({"args": argparse.Namespace(model="deit_tiny_of_mine")}, "nothing of heads"),
    ],
)
def test_a_note_of_another_model_is_not_taken(
    tmp_path: Path, deit: dict[str, torch.Tensor], noted: dict[str, Any], message: str
) -> None:
    torch.save({"model": deit, **noted}, tmp_path / "deit.pth")
    with pytest.raises(QnasError, match=message):
        check_pretrained(DEIT, Pretrained(str(tmp_path / "deit.pth")))


CONFIGS: dict[str, tuple[dict[str, Any], str]] = {
    "timm": ({"architecture": "deit_tiny_patch16_224", "global_pool": "token"}, ""),
    "timm with arguments": (
        {
            "architecture": "vit_base_patch16_224",
            "model_args": {"embed_dim": 192, "num_heads": 3, "depth": 12},
        },
        "",
    ),
    "other heads": (
        {"architecture": "deit_tiny_patch16_224", "model_args": {"num_heads": 12}},
        "heads` must be 3 in 192 channels.*got 12",
    ),
    "averaged": (
        {"architecture": "deit_tiny_patch16_224", "global_pool": "avg"},
        "class token; got avg",
    ),
    "another activation": (
        {"architecture": "deit_tiny_patch16_224", "model_args": {"act_layer": "quick_gelu"}},
        "must be gelu; got quick_gelu",
    ),
    "Hugging Face": (
        {
            "num_attention_heads": 3,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-12,
            "hidden_size": 192,
            "num_hidden_layers": 12,
            "intermediate_size": 768,
            "patch_size": 16,
        },
        "",
    ),
    "Hugging Face, of another network": (
        {"num_attention_heads": 12, "hidden_act": "gelu", "hidden_size": 768},
        "nothing of heads",
    ),
    "another program": ({"version": 3}, "nothing of heads"),
    "hostile": (
        {"architecture": "deit_tiny_patch16_224", "model_args": {"mlp_ratio": 1e30}},
        "nothing of heads",
    ),
    "hostile depth": (
        {"architecture": "deit_tiny_patch16_224", "model_args": {"depth": 10**9}},
        "nothing of heads",
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_beside_the_weights_is_read(
    tmp_path: Path, deit: dict[str, torch.Tensor], case: str
) -> None:
    config, message = CONFIGS[case]
    save_file(deit, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    for source in (tmp_path / "model.safetensors", tmp_path):
        if message:
            with pytest.raises(QnasError, match=message):
                check_pretrained(DEIT, Pretrained(str(source)))
        else:
            found = check_pretrained(DEIT, Pretrained(str(source)))
            assert found.architecture.blocks[0].num_heads == 3
            assert "as config.json" in found.lines()[1]


class Mine(nn.LayerNorm): ...


MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "another block": ({"block_fn": "ResPostBlock"}, "ResPostBlock"),
    "a gated MLP": ({"mlp_layer": "GluMlp"}, "GluMlp"),
    "RMSNorm": ({"norm_layer": "rmsnorm"}, "norms of the class RmsNorm"),
    "a strip of an image": ({"img_size": (16, 32)}, "4 x 8 patches, which are no square"),
}


@pytest.mark.parametrize("case", MODELS)
def test_models_of_timm_are_looked_into(case: str) -> None:
    changes, message = MODELS[case]
    module = import_timm("timm.models.vision_transformer")
    layers = import_timm("timm.layers")
    for key in ("block_fn", "mlp_layer"):
        if key in changes:
            name = changes[key]
            changes = {key: getattr(module, name, None) or getattr(layers, name)}
    with pytest.raises(CheckpointError, match=message):
        known_model(vit(**changes), "it")


def test_what_a_model_computes_is_read_from_its_modules() -> None:
    plain = known_model(vit(), "it").function
    assert (plain.heads, plain.activation, plain.epsilon) == (3, "gelu", 1e-6)
    assert (plain.qk_norm, plain.pooling) == (False, "token")
    other = known_model(
        vit(norm_layer=lambda dim, **_: Mine(dim, eps=1e-3), act_layer=nn.SiLU, qk_norm=True), "it"
    ).function
    assert (other.activation, other.epsilon, other.qk_norm) == ("silu", 1e-3, True)
