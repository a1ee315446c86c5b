"""A subnet out to timm: logits equal to 1e-5 with quantization off; what timm lacks is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from qnas._util.timm_support import import_timm
from qnas.supernet.export.timm_export import state_dict
from qnas.supernet.model import Supernet
from tests.supernet.pretrained.vits import SPACE, images, logits, supernet


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
