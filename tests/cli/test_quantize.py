"""`qnas quantize` on a tiny timm ViT: every rung, what it writes, and that it resumes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from qnas.cli.main import cli
from qnas.studies import writable_run
from qnas.studies.open_run import open_run
from qnas.studies.run.pretrained import SEARCH, study_of_model
from qnas.studies.stages import pipeline as stages
from tests.supernet.pretrained.vits import vit
from tests.tiny import digits

SIZES: dict[str, Any] = {"img_size": 8, "patch_size": 4, "in_chans": 1, "num_classes": 10}
SIZES |= {"embed_dim": 16, "depth": 1, "num_heads": 2, "mlp_ratio": 2.0, "reg_tokens": 1}
SAID = ("--activation", "gelu", "--epsilon", "1e-6", "--no-qk-norm", "--pooling", "token")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT that has learned some digits."""
    images, labels = (torch.from_numpy(array) for array in digits(600))
    net = vit(**SIZES)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(40):
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("model") / "mine.safetensors"
    save_file(net.state_dict(), path)
    return path


def quantize(model: Path, folder: Path, *more: str) -> Result:
    arguments = [str(model), "--data", "digits", "--runs", str(folder), "--trials", "4"]
    return CliRunner().invoke(cli, ["quantize", *arguments, *SAID, *more])


def test_a_calibrated_model_is_searched_from_its_sensitivities(model: Path, tmp_path: Path) -> None:
    search = replace(SEARCH, trials=4, population=4)
    study = study_of_model(
        str(model),
        data="digits",
        device="zcu102",
        heads=2,
        activation="gelu",
        epsilon=1e-6,
        qk_norm=False,
        pooling="token",
        search=search,
    )
    assert study.name == "mine_zcu102"
    with writable_run(study, runs=tmp_path) as run:
        stages.train(run)
        weights = run.files.supernet[0].read_bytes()
        stages.search(run)
        stages.train(run)
        assert run.files.supernet[0].read_bytes() == weights
    found = open_run(tmp_path / study.name)
    facts = found.stage_facts("train")
    assert facts["pretrained_images"] == len(found.splits.report)
    assert facts["largest_accuracy"] > facts["pretrained_accuracy"] - 0.1
    first = found.records().trials[:2]
    assert first[0].architecture == found.space.largest()
    assert {trial.architecture.embed_dim for trial in found.records().trials} == {16}
    assert set(json.loads(found.files.divergences.read_text())["divergence"]) == {
        f"block0.w8_{kind}" for kind in ("qkv", "proj", "fc1", "fc2")
    }


@pytest.mark.slow
def test_every_rung_from_the_given_model_to_the_cpp(model: Path, tmp_path: Path) -> None:
    first = quantize(model, tmp_path, "--heads", "2", "--tune", "1")
    assert first.exit_code == 0, first.output
    for label in ("float", "quantized", "tuned", "integer", "C++"):
        assert f"│ {label} " in first.output
    run = open_run(tmp_path / "mine_zcu102")
    (pick,) = run.summary().picks
    assert pick.verification.mismatches == 0
    assert pick.accuracy.hls == pick.accuracy.integer
    assert pick.tuning is not None
    assert run.summary().supernet.pretrained_images == pick.accuracy.images == 360
    again = quantize(model, tmp_path, "--heads", "2", "--tune", "1")
    assert again.output.count("is there") == again.output.count("subnets are tuned") == 1
    assert (
        again.output[again.output.index("Accuracy") :]
        == (first.output[first.output.index("Accuracy") :])
    )


@pytest.mark.parametrize(
    "more,message",
    [
        ((), "nothing of heads"),
        (("--heads", "3"), "must divide its 16 channels; got 3"),
        (("--heads", "2", "--image-size", "10"), "image_size` must be a multiple of `patch_size`"),
        (("--heads", "2", "--images", "0"), "post_training"),
        (("--heads", "2", "--device", "zcu12"), "Did you mean"),
        (("--heads", "2", "--data", "fashion_mnist"), "must be"),
    ],
)
def test_faults_are_sentences_before_anything_is_written(
    model: Path, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    found = quantize(model, tmp_path, *more)
    assert found.exit_code == 2
    assert message in found.output
    assert found.output.count("\n") == 1
    assert not any(tmp_path.iterdir())
