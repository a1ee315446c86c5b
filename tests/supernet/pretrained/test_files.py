"""Files as trainers write them are read; anything else is refused in one sentence."""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from qnas._util.timm_support import import_timm, is_weights_file
from qnas.errors import CheckpointError
from qnas.supernet.pretrained.load import check_pretrained, load_pretrained
from qnas.supernet.pretrained.read import read_state_dict
from tests.supernet.pretrained.vits import SPACE, State, given, images, logits, supernet, vit

Wrap = Callable[[State], Any]


def prefixed(prefix: str) -> Wrap:
    return lambda state: {prefix + name: tensor for name, tensor in state.items()}


def averaged(state: State) -> State:
    """Other numbers, so that it shows which of the two was read."""
    return {name: torch.full_like(tensor, 0.5) for name, tensor in state.items()}


def mae(state: State) -> Any:
    """As MAE writes its pretraining: a decoder, a mask token, and no head."""
    encoder = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
    decoder = {"mask_token": torch.zeros(1, 1, 24), "decoder_pos_embed": torch.zeros(1, 17, 8)}
    decoder |= {"decoder_blocks.0.attn.qkv.weight": torch.zeros(24, 8)}
    return {"model": encoder | decoder, "args": argparse.Namespace(model="mae_vit_mine")}


class Settings(dict[str, Any]):
    """As Lightning's AttributeDict: a dictionary with a class of its own."""


def lightning(state: State) -> Any:
    settings = Settings(lr=1e-3)
    return {
        "state_dict": {f"model.{k}": v for k, v in state.items()} | {"loss.weight": torch.ones(7)},
        "hyper_parameters": settings,
        "pytorch-lightning_version": "2.4.0",
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
    }


def deit(state: State) -> Any:
    namespace = argparse.Namespace(
        model="deit_of_mine", output_dir=pathlib.PurePosixPath("/out"), lr=np.float64(1e-3)
    )
    return {"model": state, "optimizer": {"state": {}}, "epoch": 7, "args": namespace}


WRAPPERS: dict[str, Wrap] = {
    "timm": lambda s: s,
    "timm's trainer": lambda s: {"epoch": 3, "arch": "mine", "state_dict": s, "version": 2},
    "DeiT": deit,
    "DDP": prefixed("module."),
    "torch.compile": prefixed("_orig_mod."),
    "torch.compile of DDP": prefixed("_orig_mod.module."),
    "DDP of torch.compile": prefixed("module._orig_mod."),
    "FSDP": prefixed("_fsdp_wrapped_module."),
    "activation checkpoints": lambda s: {
        re.sub(r"^blocks\.(\d+)\.", r"blocks.\1._checkpoint_wrapped_module.", name): tensor
        for name, tensor in s.items()
    },
    "Lightning": lightning,
    "Lightning with torch.compile": lambda s: {"state_dict": prefixed("model._orig_mod.")(s)},
    "Lightning with a backbone": lambda s: {"state_dict": prefixed("net.backbone.")(s)},
    "averaged, timm": lambda s: {"state_dict": averaged(s), "state_dict_ema": s},
    "averaged, DeiT": lambda s: {"model": averaged(s), "model_ema": s},
    "averaged, in Lightning": lambda s: {
        "state_dict": prefixed("model.")(averaged(s)) | prefixed("model_ema.module.")(s)
    },
    "averaged, empty": lambda s: {"model": s, "model_ema": {}},
    "torch's AveragedModel": lambda s: prefixed("module.")(s) | {"n_averaged": torch.tensor(9)},
    "parameters": lambda s: {"model": {k: nn.Parameter(v) for k, v in s.items()}},
    "ordered": lambda s: {"model": collections.OrderedDict(s), "best": np.float32(0.5)},
    "double": lambda s: {k: v.double() for k, v in s.items()},
    "deep": lambda s: {"trainer": {"state": {"model": s}}},
    "settings of all kinds": lambda s: {
        "model": s,
        "counts": collections.defaultdict(list, {"a": [1]}),
        "space": types.SimpleNamespace(a=1),
        "array": np.arange(3),
    },
}


def as_of_lightning(own: type, patch: pytest.MonkeyPatch) -> None:
    """Let `own` be written as the class of a package that is not installed."""
    parts = ["lightning", "fabric", "utilities", "data"]
    modules = [".".join(parts[: i + 1]) for i in range(len(parts))]
    for name in modules:
        patch.setitem(sys.modules, name, types.ModuleType(name))
    vars(sys.modules[modules[-1]])["AttributeDict"] = own
    own.__module__, own.__qualname__ = modules[-1], "AttributeDict"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("case", WRAPPERS)
def test_torch_files_as_trainers_write_them(tmp_path: Path, case: str, legacy: bool) -> None:
    model, net = vit(), supernet()
    path = tmp_path / "vit.pth.tar"
    with pytest.MonkeyPatch.context() as patch:
        as_of_lightning(Settings, patch)
        state = model.state_dict()
        torch.save(WRAPPERS[case](state), path, _use_new_zipfile_serialization=not legacy)
    found = load_pretrained(net, given(path))
    with torch.no_grad():
        wanted = model(images())
    torch.testing.assert_close(logits(net, found.architecture), wanted, rtol=0, atol=1e-5)
    assert ("averaged, `" in found.lines()[0]) == (
        case in ("averaged, timm", "averaged, DeiT", "averaged, in Lightning")
    )


@pytest.mark.parametrize(
    ("case", "left_out"),
    [
        (mae, "decoder_blocks.0.attn.qkv.weight, decoder_pos_embed, mask_token, of training alone"),
        (lightning, "loss.weight, beside the ViT"),
        (lambda s: {**s, "head.mlp.0.weight": torch.ones(2)}, "head.mlp.0.weight, of training"),
        (lambda s: {n: t for n, t in s.items() if n[:4] != "head"}, "the head: it has none"),
    ],
)
def test_what_lies_beside_the_vit_is_left_out_and_said(
    tmp_path: Path, case: Wrap, left_out: str
) -> None:
    state = case(vit().state_dict())
    for key in ("hyper_parameters",):
        state.pop(key, None)
    torch.save(state, tmp_path / "vit.pth")
    told = check_pretrained(SPACE, given(tmp_path / "vit.pth")).lines()
    assert any(line.startswith(f"left out: {left_out}") for line in told), told


@pytest.mark.parametrize("ending", ["safetensors", "pth", "pt", "bin", "ckpt", "pth.tar", "PTH"])
def test_the_content_counts_and_not_the_ending(tmp_path: Path, ending: str) -> None:
    state = vit().state_dict()
    path = tmp_path / f"vit.{ending}"
    torch.save(state, path)
    assert is_weights_file(str(path))
    if ending == "safetensors":
        save_file(state, path)
    assert check_pretrained(SPACE, given(path)).head
    save_file(state, path)
    assert check_pretrained(SPACE, given(path)).head


def hugging_face(state: State) -> State:
    names = {
        "cls_token": "vit.embeddings.cls_token",
        "pos_embed": "vit.embeddings.position_embeddings",
        "patch_embed.proj": "vit.embeddings.patch_embeddings.projection",
        "norm": "vit.layernorm",
        "head": "classifier",
        "attn.proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
    }
    renamed: State = {"vit.pooler.dense.weight": torch.zeros(24, 24)}
    for name, tensor in state.items():
        if match := re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name):
            layer = f"vit.encoder.layer.{match[1]}"
            if match[2] == "attn.qkv":
                for part, chunk in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                    renamed[f"{layer}.attention.attention.{part}.{match[3]}"] = chunk.clone()
            else:
                renamed[f"{layer}.{names[match[2]]}.{match[3]}"] = tensor
        else:
            stem, _, kind = name.rpartition(".")
            renamed[names[name] if name in names else f"{names[stem]}.{kind}"] = tensor
    return renamed


def hugging_face_5(state: State) -> State:
    """As version 5 of transformers has them in memory."""
    changes = {
        "encoder.layer.": "layers.",
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    renamed = {}
    for name, tensor in hugging_face(state).items():
        for old, new in changes.items():
            name = name.replace(old, new)
        renamed[name] = tensor
    return renamed


def torchvisions(state: State) -> State:
    """By the names of torchvision's own class."""
    vision = import_timm("torchvision.models.vision_transformer").VisionTransformer
    own = vision(16, 4, num_layers=2, num_heads=3, hidden_dim=24, mlp_dim=72, num_classes=7)
    order = ["cls_token", "patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"]
    for i in range(2):
        for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"):
            order += [f"blocks.{i}.{part}.{kind}" for kind in ("weight", "bias")]
    order += ["norm.weight", "norm.bias", "head.weight", "head.bias"]
    renamed = {}
    for name, (theirs, tensor) in zip(order, own.state_dict().items(), strict=True):
        assert state[name].shape == tensor.shape, (name, theirs)
        renamed[theirs] = state[name]
    own.load_state_dict(renamed)
    with torch.no_grad():
        torch.testing.assert_close(own.eval()(images()), vit()(images()), rtol=0, atol=1e-5)
    return renamed


def deit_3(state: State) -> State:
    """As the DeiT project names the scales of its layers."""
    return {re.sub(r"ls(\d)\.gamma", r"gamma_\1", name): tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("rename", "changes"),
    [(hugging_face, {}), (hugging_face_5, {}), (torchvisions, {}), (deit_3, {"init_values": 0.3})],
)
def test_the_names_of_others(
    tmp_path: Path, rename: Callable[[State], State], changes: dict[str, Any]
) -> None:
    model, net = vit(**changes), supernet()
    torch.save(rename(model.state_dict()), tmp_path / "pytorch_model.bin")
    found = load_pretrained(net, given(tmp_path))
    with torch.no_grad():
        wanted = model(images())
    torch.testing.assert_close(logits(net, found.architecture), wanted, rtol=0, atol=1e-5)


class Trap:
    """Code that a pickle would run: it makes the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


class Mine:
    """A class of the user's own."""


def changed(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Wrap:
    return lambda state: state | {name: change(state[name])}


def without(name: str) -> Wrap:
    return lambda state: {key: tensor for key, tensor in state.items() if key != name}


QKV, FC1 = "blocks.1.attn.qkv.weight", "blocks.1.mlp.fc1.weight"
REFUSED: dict[str, tuple[Wrap, str]] = {
    "NaN": (changed(QKV, lambda t: t.index_fill(0, torch.tensor([3]), torch.nan)), "24 of 1,728"),
    "infinite": (changed("norm.bias", lambda t: t / 0), "24 values of norm.bias.*no finite"),
    "beyond single precision": (changed(FC1, lambda t: t.double() * 1e300), "no finite numbers"),
    "NaN in the head": (changed("head.bias", lambda t: t * torch.nan), "values of head.bias"),
    "integers": (changed(QKV, lambda t: t.to(torch.int8)), r"no plain tensor.*\(int8\)"),
    "complex": (changed(QKV, lambda t: t.to(torch.complex64)), r"\(complex64\)"),
    "sparse": (changed(QKV, lambda t: t.to_sparse()), "no plain tensor"),
    "quantized": (
        changed(QKV, lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8)),
        "no plain tensor",
    ),
    "without memory": (changed(QKV, lambda t: t.to("meta")), "no plain tensor"),
    "larger than its file": (
        changed(QKV, lambda t: torch.ones(1).expand(72, 24)),
        "says to be larger",
    ),
    "a shape inside": (changed(FC1, lambda t: t[:40]), r"fc1.weight of shape \(40, 24\)"),
    "another width": (changed("blocks.1.norm2.weight", lambda t: t[:8]), r"of shape \(8,\)"),
    "an odd head": (changed("head.weight", lambda t: t[:, :8]), r"head.weight of shape \(7, 8\)"),
    "an odd class token": (changed("cls_token", lambda t: t[0]), "cls_token of shape"),
    "flat positions": (changed("pos_embed", lambda t: t[0]), "pos_embed of shape"),
    "no square": (changed("pos_embed", lambda t: t[:, :13]), r"pos_embed of shape \(1, 13, 24\)"),
    "flat patches": (changed("patch_embed.proj.weight", lambda t: t.flatten(1)), "square patches"),
    "long patches": (changed("patch_embed.proj.weight", lambda t: t[..., :2]), "square patches"),
    "gated": (changed("blocks.0.mlp.fc2.weight", lambda t: t[:, :36]), "a gated MLP, SwiGLU"),
    "a block less": (
        lambda s: {k: t for k, t in s.items() if not k.startswith("blocks.0.")},
        r"not numbered from 0 on \(1\)",
    ),
    "a block far out": (
        lambda s: s | {"blocks.99999999999.norm1.bias": s["norm.bias"]},
        "numbered",
    ),
    "no block": (lambda s: {k: t for k, t in s.items() if k[:6] != "blocks"}, "numbered.*none"),
    "no norm": (without("norm.weight"), "lacks norm.weight"),
    "no bias of a norm": (without("blocks.1.norm1.bias"), "lacks blocks.1.norm1.bias"),
    "no bias of one": (without("blocks.1.mlp.fc1.bias"), "lacks blocks.1.mlp.fc1.bias"),
    "no positions": (without("pos_embed"), "no pos_embed"),
    "a tensor more": (lambda s: s | {"blocks.0.gate": s["norm.bias"]}, "blocks.0.gate"),
    "SwiGLU": (lambda s: s | {"blocks.0.mlp.fc1_g.weight": s[QKV]}, "a gated MLP"),
    "distilled": (lambda s: s | {"dist_token": s["cls_token"]}, "second class token"),
    "LoRA": (lambda s: s | {"blocks.0.attn.qkv.lora_A": s[QKV]}, "merge them first"),
    "hostile names": (lambda s: s | {"\x1b[31m\n[red]" * 99: s[QKV]}, r"\\x1b\[31m"),
    "two networks": (
        lambda s: {"student": s, "teacher": s},
        "several networks.*`student`, `teacher`",
    ),
    "two in one": (lambda s: prefixed("a.")(s) | prefixed("b.")(s), "several networks.*`a`, `b`"),
    "twice": (lambda s: s | {"module.norm.bias": s["norm.bias"]}, "two tensors of the name norm"),
    "another network": (lambda s: {"conv1.weight": s[QKV]}, "another network.*conv1.weight"),
    "a tensor": (lambda s: s[QKV], "a Tensor"),
    "a list": (lambda s: [s], "a list"),
    "nothing": (lambda s: {}, "without tensors"),
    "numbers": (lambda s: {"epoch": 3}, "without tensors"),
    "a class of mine": (lambda s: {"model": s, "config": Mine()}, r"more than tensors: `.*Mine`"),
    "a module": (lambda s: nn.Linear(2, 2), "more than tensors: `torch.nn.modules.linear.Linear`"),
    "Swin": (lambda s: {"patch_embed.proj.weight": s["patch_embed.proj.weight"]}, "numbered"),
    "in itself": (lambda s: (lambda d: d.update(me=d) or d)({}), "without tensors"),
}


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_plain_vit_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    wrap, message = REFUSED[case]
    torch.save(wrap(vit().state_dict()), tmp_path / "vit.pth")
    with pytest.raises(CheckpointError, match=message) as caught:
        check_pretrained(SPACE, given(tmp_path / "vit.pth"))
    text = str(caught.value)
    assert len(text) < 600 and text.isprintable() and "torch.load" not in text


def damaged(data: bytes, kind: str) -> bytes:
    contents = {
        "empty": b"",
        "text": b"nothing",
        "JSON": b"{}",
        "cut short": data[: len(data) // 2],
        "almost whole": data[:-20],
        "without its beginning": data[100:],
        "zeros inside": data[:200] + bytes(400) + data[600:],
        "a pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
        "a page": b"<!DOCTYPE html><html>Not found</html>",
        "gzip": b"\x1f\x8b\x08\x00" + bytes(40),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(40),
        "a huge header": (1 << 62).to_bytes(8, "little") + b"{" + bytes(40),
    }
    return contents[kind]


KINDS = ("empty", "text", "JSON", "cut short", "almost whole", "without its beginning")
KINDS += ("zeros inside", "a pointer", "a page", "gzip", "HDF5", "a huge header")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"bad.{ending}"
    state = vit().state_dict()
    save_file(state, path) if ending == "safetensors" else torch.save(state, path)
    path.write_bytes(damaged(path.read_bytes(), kind))
    with pytest.raises(CheckpointError, match=rf"bad\.{ending}` must be a state dict") as caught:
        read_state_dict(path)
    text = str(caught.value)
    assert len(text) < 300 and "\n" not in text and "weights_only" not in text


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got no file"):
        read_state_dict(tmp_path / "absent.pth")
    with pytest.raises(CheckpointError, match=r"must hold one of model\.safetensors"):
        check_pretrained(SPACE, given(tmp_path))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    state, trap = vit().state_dict(), Trap(tmp_path / "sprung")
    for content in ({"model": state, "args": trap}, trap, argparse.Namespace(model=trap)):
        torch.save(content, tmp_path / "bad.pth")
        with pytest.raises(CheckpointError, match=r"more than tensors: `.*open`, whose code"):
            read_state_dict(tmp_path / "bad.pth")
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_weight_is_noticed(tmp_path: Path) -> None:
    """torch does not look at the checksums of its own archives."""
    state = vit().state_dict()
    torch.save(state, tmp_path / "vit.pth")
    data = (tmp_path / "vit.pth").read_bytes()
    weights = state["blocks.0.mlp.fc1.weight"].numpy().tobytes()
    at = data.index(weights) + 2
    (tmp_path / "vit.pth").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    told = check_pretrained(SPACE, given(tmp_path / "vit.pth")).remarks
    assert len(told) == 1 and "another checksum than it says" in told[0]


def test_scripted_models_are_refused(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "bad.pt")
    with pytest.raises(CheckpointError, match="a TorchScript archive, which is code"):
        read_state_dict(tmp_path / "bad.pt")


def test_settings_are_read_without_their_classes(tmp_path: Path) -> None:
    """A file that says `pathlib.Path` gets no path, and nothing of torch's list stays behind."""
    before = set(torch.serialization.get_safe_globals())
    torch.save({"w": torch.ones(2), "at": pathlib.PosixPath("/etc")}, tmp_path / "a.pth")
    assert set(read_state_dict(tmp_path / "a.pth")) == {"w"}
    assert set(torch.serialization.get_safe_globals()) == before


def test_our_own_exports_say_their_heads(tmp_path: Path) -> None:
    from qnas.supernet.export.timm_export import state_dict
    from qnas.supernet.pretrained import Pretrained

    net = supernet()
    load_pretrained(net, given(_saved(tmp_path)))
    arch = check_pretrained(SPACE, given(_saved(tmp_path))).architecture
    state_dict(net.slice(arch)).write(tmp_path / "weights.safetensors")
    found = check_pretrained(SPACE, Pretrained(str(tmp_path / "weights.safetensors")))
    assert found.architecture == arch and "as its metadata says" in found.lines()[1]
    with_others = {"VisionTransformer": json.dumps({"num_heads": 3})}
    save_file(vit().state_dict(), tmp_path / "a.safetensors", metadata=with_others)
    with pytest.raises(Exception, match="nothing of heads"):
        check_pretrained(SPACE, Pretrained(str(tmp_path / "a.safetensors")))


def _saved(folder: Path) -> Path:
    save_file(vit().state_dict(), folder / "vit.safetensors")
    return folder / "vit.safetensors"


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_newer_pickle_is_named(tmp_path: Path, protocol: int) -> None:
    torch.save(vit().state_dict(), tmp_path / "vit.pth", pickle_protocol=protocol)
    with pytest.raises(CheckpointError, match="a pickle of a newer protocol than torch reads"):
        check_pretrained(SPACE, given(tmp_path / "vit.pth"))
