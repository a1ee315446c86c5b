"""The ImageNet study through the whole line, on a few generated images at 224 pixels.

The shipped study with another budget, four classes and two or three blocks of DeiT-S's widths;
everything else is the study's own: files, timm's augmentation and mixing, weights and teacher.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from qnas._util.serialization import read_json
from qnas._util.timm_support import import_timm
from qnas.studies.config import Study, load_config
from qnas.studies.run.opening import writable_run
from qnas.studies.stages.pipeline import run_all
from tests.data.folders import make_folder

SPACE = """
from dataclasses import replace
from qnas.spaces.deit import DEIT_SMALL

FEW = replace(DEIT_SMALL, name="few", num_classes=4, depths=(2, 3))
"""


def save_vit(path: Path, **arguments: Any) -> str:
    model = import_timm("timm.models").VisionTransformer(num_classes=4, **arguments)
    save_file(model.state_dict(), path)
    return str(path)


def study(folder: Path) -> Study:
    shipped = load_config("imagenet_zcu102")
    (folder / "space.py").write_text(SPACE)
    make_folder(folder / "images", classes=4, train=4, held_out=2, size=240)
    tiny = {"embed_dim": 192, "depth": 12, "num_heads": 3}
    recipe = replace(
        shipped.train,
        epochs=1,
        batch_size=6,
        amp=False,
        workers=0,
        tensorboard=False,
        device="cpu",
        teacher="deit_tiny_patch16_224",
        teacher_file=save_vit(folder / "teacher.safetensors", **tiny),
    )
    return replace(
        shipped,
        space=f"{folder / 'space.py'}:FEW",
        data=f"folder:{folder / 'images'}",
        pretrained=save_vit(folder / "vit.safetensors", embed_dim=384, depth=2, num_heads=6),
        pretrained_heads=6,
        pretrained_activation="gelu",
        pretrained_epsilon=1e-6,
        pretrained_qk_norm=False,
        pretrained_pooling="token",
        fps_targets=(),
        verify_images=1,
        search=replace(shipped.search, trials=3, population=3),
        splits=replace(shipped.splits, search_fraction=0.25),
        train=recipe,
    )


@pytest.mark.slow
@pytest.mark.full
def test_the_whole_line_at_224_pixels(tmp_path: Path) -> None:
    with writable_run(study(tmp_path), runs=tmp_path / "runs") as run:
        summary = run_all(run)
        manifest = read_json(run.files.manifest)
    assert manifest["splits"] | {"digest": ""} == {
        "digest": "",
        "train": 12,
        "search": 4,
        "report": 8,
    }
    picks = sorted((tmp_path / "runs/imagenet_zcu102/picks").iterdir())
    assert picks and summary
    for pick in picks:
        found = read_json(pick / "verification.json")
        assert found["images"] == 1 and found["values"] > 1e5 and found["mismatches"] == 0
        with safe_open(pick / "weights.safetensors", framework="pt") as stream:
            assert stream.metadata()["format"] in ("timm", "qnas")
