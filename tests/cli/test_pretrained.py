"""Pretrained weights on the command line: what is said, what is asked for, what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file
from torch import nn

from qnas._util.timm_support import import_timm
from qnas.cli.main import cli
from qnas.data import load_data
from qnas.data.pixels import PixelConfig
from qnas.studies.config import Study
from qnas.studies.run.pretrained import check_weights, other_pixels
from tests.cli.tiny_study import TINY_SPACE, qnas, study
from tests.tiny import TINY

SAID = """pretrained_heads = 2
pretrained_activation = "gelu"
pretrained_epsilon = 1e-6
pretrained_qk_norm = false
pretrained_pooling = "token"
"""


@pytest.fixture(scope="module")
def model() -> Any:
    """A ViT of timm's for the digits, trained for a second: 16 channels, 2 blocks."""
    torch.manual_seed(0)
    vit = import_timm("timm.models").VisionTransformer(
        img_size=8,
        patch_size=4,
        in_chans=1,
        num_classes=10,
        embed_dim=16,
        depth=2,
        num_heads=2,
        mlp_ratio=2.0,
    )
    data = load_data("digits")
    images, labels = torch.from_numpy(data.images[:]), torch.from_numpy(data.labels)
    optimizer = torch.optim.AdamW(vit.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(vit(images), labels).backward()
        optimizer.step()
    return vit.eval()


def folder_with(folder: Path, said: str, file: str = "vit.pth") -> Path:
    text = study(space=TINY_SPACE, search={"trials": 2, "population": 2})
    (folder / "study.toml").write_text(f'pretrained = "{file}"\n{said}{text}')
    return folder


def check(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["check", str(folder / "study.toml")])


def test_what_is_loaded_is_told_recorded_and_measured(tmp_path: Path, model: Any) -> None:
    torch.save({"model": model.state_dict(), "epoch": 40}, tmp_path / "vit.pth")
    folder = folder_with(tmp_path, SAID)
    checked = check(folder)
    assert checked.exit_code == 0, checked.output
    assert "(`model`): 2 blocks of 16 channels, 2 heads, MLP width 32" in checked.output
    done = qnas("train", folder)
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())["stages"]["train"]
    data, count = load_data("digits"), facts["pretrained_images"]
    assert (
        count == json.loads((tmp_path / "runs/tiny/manifest.json").read_text())["splits"]["report"]
    )
    accuracy = facts["pretrained_accuracy"]
    assert f"{accuracy:.2%} of {count} images of the report split (95 % interval" in done.output
    with torch.no_grad():
        right = model(torch.from_numpy(data.images[:])).argmax(1) == torch.from_numpy(data.labels)
    assert abs(accuracy - right.double().mean()) < 0.1 and accuracy > 0.4
    assert "2 heads, MLP width 32" in facts["pretrained"] and len(facts["pretrained_sha256"]) == 64
    assert "other weights" not in qnas("train", folder).output
    torch.save({"model": model.state_dict(), "epoch": 41}, tmp_path / "vit.pth")
    again = qnas("train", folder)
    assert again.exit_code == 0
    assert "supernet is there; it started from other weights than" in again.output
    (tmp_path / "vit.pth").unlink()
    assert qnas("train", folder).exit_code == 0, "what is trained does without them"
    assert check(folder).exit_code == 2


def test_facts_are_asked_for_and_nothing_is_left_behind(tmp_path: Path, model: Any) -> None:
    save_file(model.state_dict(), tmp_path / "vit.safetensors")
    folder = folder_with(tmp_path, "", "vit.safetensors")
    for done in (check(folder), qnas("train", folder), qnas("run", folder)):
        assert done.exit_code == 2 and done.output.count("pretrained_") == 7, done.output
    assert not (tmp_path / "runs").exists()


def nan(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return state | {"norm.weight": state["norm.weight"] * torch.nan}


BAD: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "NaN": (nan, SAID, "must hold trained, finite weights"),
    "overflow": (lambda s: {n: t * 1e30 for n, t in s.items()}, SAID, "finite and not all zero"),
    "zeros": (lambda s: {n: t * 0 for n, t in s.items()}, SAID, "weight of zeros"),
    "other heads": (lambda s: s, SAID.replace("heads = 2", "heads = 4"), "heads` must be 2 in 16"),
    "ReLU": (lambda s: s, SAID.replace('"gelu"', '"relu"'), "must be gelu; got relu"),
    "epsilon": (lambda s: s, SAID.replace("1e-6", "1e-2"), "at most 1e-05"),
    "average": (lambda s: s, SAID.replace('"token"', '"avg"'), "class token; got avg"),
    "no model": (lambda s: s, 'pretrained_model = "deit_tni"\n', "must be a model of timm's"),
    "another model": (lambda s: s, 'pretrained_model = "deit_tiny_patch16_224"\n', "the sizes of"),
    "negative heads": (lambda s: s, SAID.replace("heads = 2", "heads = -2"), "must be positive"),
    "text as heads": (lambda s: s, 'pretrained_heads = "two"\n', "must be a valid integer"),
    "nothing": (lambda s: {}, SAID, "without tensors"),
}


@pytest.mark.parametrize("case", BAD)
def test_status_2_and_a_sentence(tmp_path: Path, model: Any, case: str) -> None:
    change, said, message = BAD[case]
    torch.save(change(model.state_dict()), tmp_path / "vit.pth")
    done = qnas("train", folder_with(tmp_path, said))
    assert done.exit_code == 2 and message in done.output.replace("\n", " "), done.output
    assert "Traceback" not in done.output and len(done.output) < 900


def test_images_that_are_normalised_otherwise_are_said(tmp_path: Path, model: Any) -> None:
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    arguments = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    config = {
        "architecture": "vit_tiny_patch16_224",
        "model_args": arguments | {"mlp_ratio": 2.0},
        "pretrained_cfg": {"mean": [0.13], "std": [0.31]},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    study = Study(space=TINY, data="idx:mnist", device="zcu102", pretrained=str(tmp_path))
    found = check_weights(study, TINY)
    assert found is not None and found.mean == (0.13,)
    (told,) = other_pixels(study, found)
    assert told.startswith("its images had mean [0.13] and std [0.31], those of the study have")
    equal = replace(study, images=PixelConfig(mean=(0.13,), std=(0.31,)))
    assert not other_pixels(equal, found)
    assert not other_pixels(replace(study, data="digits"), found), "they are as they are"


@pytest.mark.parametrize("kind", ["absent", "a link to itself", "a pipe", "an empty folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "vit.pth"
    if kind == "a link to itself":
        path.symlink_to(path)
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "an empty folder":
        path.mkdir()
    done = check(folder_with(tmp_path, SAID))
    assert done.exit_code == 2, done.output
    wanted = "must hold one of" if kind == "an empty folder" else "must be a file that exists"
    assert wanted in done.output


def test_facts_without_weights_are_refused(tmp_path: Path) -> None:
    text = study(space=TINY_SPACE, search={"trials": 2, "population": 2})
    (tmp_path / "study.toml").write_text(SAID + text)
    done = check(tmp_path)
    assert done.exit_code == 2 and "must come with `pretrained`" in done.output
