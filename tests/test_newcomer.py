"""A newcomer's way, from a folder of images to the class of a picture, by commands alone; then a
model of one's own, trained and saved with timm; then an objective and a sampler of one's own.

The images are of three colours with noise, which a network of seconds tells apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from qnas._util.timm_support import import_timm

pytestmark = pytest.mark.full

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (200, 50, 40)}
EACH = 40  # images of a class
BUDGET = (
    *("--set", "train.epochs=40", "--set", "verify_images=4"),
    *("--set", "search.trials=12", "--set", "search.population=6"),
)
MINE = '''
from optuna.samplers import NSGAIISampler

from qnas import Candidate, FunctionObjective


def weight_kilobytes(candidate: Candidate) -> float:
    """What one image streams from memory."""
    return candidate.plan.stream_words * candidate.plan.stream_bits / 8e3


def calm(seed: int, mutation_prob: float) -> NSGAIISampler:
    return NSGAIISampler(seed=seed, mutation_prob=mutation_prob)


WEIGHTS = FunctionObjective("weights", "kB", "minimize", weight_kilobytes)
'''


def run(folder: Path, *words: str | Path) -> str:
    """What a command prints on stdout; the test fails unless it ends well."""
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def qnas(folder: Path, *words: str | Path) -> str:
    return run(folder, sys.executable, "-m", "qnas", *words)


def photos(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            noise = rng.normal(0, 40, (48, 40, 3)) + np.array(colour)
            image = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
            image.save(folder / name / f"{number}.jpg")


def test_from_a_folder_of_images_to_the_class_of_a_picture(tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    made = json.loads(qnas(tmp_path, "init", "photos", "--device", "kv260", "--json"))
    assert made["images"]["names"] == sorted(COLOURS)
    study = made["file"]
    assert "can be satisfied" in qnas(tmp_path, "check", study)

    summary = json.loads(qnas(tmp_path, "run", study, *BUDGET, "--json"))
    assert all(pick["verification"]["mismatches"] == 0 for pick in summary["picks"])
    state = json.loads(qnas(tmp_path, "status", "photos", "--json"))
    assert state["next"] == "" and state["best_error"] < 50
    page = (tmp_path / "runs/photos/report.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>") and state["picks"][0] in page

    project = tmp_path / "runs/photos/picks" / summary["picks"][0]["name"] / "project"
    assert share_right(tmp_path, project) > 0.6  # a third by guessing


def share_right(folder: Path, project: Path) -> float:
    """The share of the photos whose colour the project's host program finds, on its C
    simulation."""
    run(folder, "make", "-s", "-C", project, "sim")
    host = (sys.executable, project / "host/run.py")
    said = run(folder, *host, "photos/red/0.jpg")
    assert said.startswith("photos/red/0.jpg: ")
    seen = [
        json.loads(line)
        for line in run(folder, *host, "photos", "--json").splitlines()
        if line.startswith("{") and '"image"' in line
    ]
    assert len(seen) == EACH * len(COLOURS)
    return sum(Path(one["image"]).parent.name == one["name"] for one in seen) / len(seen)


def timm_model(photos: Path, folder: Path) -> None:
    """A timm model of one's own, trained on the photos with its own mean and deviation of pixels
    (0.5 both), and saved as timm saves one."""
    pixels = [
        np.asarray(Image.open(path).resize((16, 16))) for path in sorted(photos.rglob("*.jpg"))
    ]
    images = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1
    labels = torch.arange(len(COLOURS)).repeat_interleave(EACH)
    torch.manual_seed(0)
    sizes = {"img_size": 16, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2}
    net = import_timm().create_model("vit_tiny_patch16_224", num_classes=len(COLOURS), **sizes)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    for _ in range(120):
        loss = F.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    import_timm("timm.models").save_for_hf(net, folder)


def test_a_model_of_one_s_own(tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    timm_model(tmp_path / "photos", tmp_path / "mine")
    given = ("quantize", "mine", "--data", "folder:photos", "--device", "kv260")
    summary = json.loads(qnas(tmp_path, *given, "--trials", "8", "--tune", "2", "--json"))
    assert summary["supernet"]["pretrained_accuracy"] > 0.95
    for pick in summary["picks"]:
        assert pick["verification"]["mismatches"] == 0
        assert pick["accuracy"]["integer"] > 0.9
        assert set(pick["tuning"]["report"]) == {"inherited", "tuned"}
    name = summary["picks"][0]["name"]
    assert share_right(tmp_path, tmp_path / f"runs/mine_kv260/picks/{name}/project") > 0.9


def test_an_objective_and_a_sampler_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    qnas(tmp_path, "init", "digits", "--name", "own", "--device", "kv260")
    text = (tmp_path / "own.toml").read_text("utf-8")
    text = text.replace('"latency", "dsp"]', '"latency", "mine.py:WEIGHTS"]')
    sampler = '[search]\nsampler = "mine.py:calm"\nsettings = { mutation_prob = 0.2 }\n'
    (tmp_path / "own.toml").write_text(text.replace("[search]\n", sampler))
    budget = (*BUDGET, "--set", "train.epochs=1")
    for command in ("check", "train", "search"):
        qnas(tmp_path, command, "own.toml", *budget)
    found = json.loads(qnas(tmp_path, "pick", "runs/own", "--at-most", "weights=1000", "--json"))
    assert any("weights" in name.lower() for name in found["values"])
