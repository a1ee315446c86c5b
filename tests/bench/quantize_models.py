"""Three small timm ViTs, trained here in minutes, for `quantize.py`: as users' own models.

Each is of another kind, trained on the images of the training split that `qnas quantize` makes
with the same seed, and saved as timm saves models: a folder with model.safetensors, config.json.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file

from qnas._util.timm_support import import_timm
from qnas.data import ImageSet, load_data
from qnas.data.splits import SplitConfig, Splits
from qnas.training.augmentation import Affine

BATCH, LEARNING_RATE, WEIGHT_DECAY, WARMUP = 128, 2e-3, 0.05, 0.1


@dataclass(frozen=True)
class OwnModel:
    """A timm ViT: a registered model of timm with other arguments, and what it is trained on.

    `shift` is the largest shift of an image, in pixels, during training; `flip` mirrors half of
    them; at most `images` of the training split are used.
    """

    data: str
    timm_name: str
    size: int
    arguments: dict[str, Any]
    epochs: int
    channels: int = 1
    shift: float = 1.0
    flip: bool = False
    images: int = 1 << 30
    seed: int = 0
    splits: SplitConfig = field(default_factory=SplitConfig)

    def split(self, data: ImageSet) -> Splits:
        """The splits that `qnas quantize` makes with the same seed."""
        return Splits.make(
            data.labels,
            seed=self.seed,
            search_fraction=self.splits.search_fraction,
            report_fraction=self.splits.report_fraction,
            held_out=data.held_out,
            validation=data.validation,
        )


def models(colour_folder: str) -> dict[str, OwnModel]:
    """The models by name; `colour_folder` is a folder of images in ImageNet's layout."""
    return {
        # Layer scales, and no biases of queries, keys and values.
        "digits": OwnModel(
            "digits",
            "vit_tiny_patch16_224",
            8,
            {
                "patch_size": 2,
                "embed_dim": 48,
                "depth": 4,
                "num_heads": 3,
                "mlp_ratio": 2.0,
                "init_values": 0.1,
                "qkv_bias": False,
            },
            epochs=120,
            shift=0.5,
        ),
        # A plain ViT.
        "fashion_mnist": OwnModel(
            "fashion_mnist",
            "vit_tiny_patch16_224",
            28,
            {"patch_size": 7, "embed_dim": 64, "depth": 4, "num_heads": 4, "mlp_ratio": 2.0},
            epochs=5,
        ),
        # Register tokens, and no position for them and the class token.
        "cifar10": OwnModel(
            f"folder:{colour_folder}",
            "vit_tiny_patch16_224",
            32,
            {
                "patch_size": 8,
                "embed_dim": 64,
                "depth": 4,
                "num_heads": 4,
                "mlp_ratio": 3.0,
                "reg_tokens": 2,
                "no_embed_class": True,
            },
            epochs=5,
            channels=3,
            shift=2.0,
            flip=True,
        ),
    }


def trained(model: OwnModel, folder: Path) -> Path:
    """Train `model` and save it in `folder`, unless it is there; returns the folder."""
    if not (folder / "config.json").exists():
        _save(model, _train(model), folder)
    return folder


def build(model: OwnModel, classes: int) -> Any:
    """The untrained timm model."""
    arguments = {"img_size": model.size, "in_chans": model.channels, **model.arguments}
    return import_timm().create_model(model.timm_name, num_classes=classes, **arguments)


def _train(model: OwnModel) -> Any:
    data = load_data(model.data, size=model.size, channels=model.channels)
    images, labels = (torch.from_numpy(array) for array in _training_split(model, data))
    torch.manual_seed(model.seed)
    vit = build(model, data.num_classes)
    generator = torch.Generator().manual_seed(model.seed)
    steps, augment = model.epochs * (len(labels) // BATCH), Affine(model.shift)
    optimizer = torch.optim.AdamW(vit.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    start, step = time.perf_counter(), 0
    for epoch in range(model.epochs):
        order, total = torch.randperm(len(labels), generator=generator), 0.0
        for chosen in order[: len(labels) // BATCH * BATCH].split(BATCH):
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * _factor(step / steps)
            batch, targets = augment(images[chosen], labels[chosen], generator)
            if model.flip:
                mirrored = torch.rand(len(batch), generator=generator) < 0.5
                batch = torch.where(mirrored[:, None, None, None], batch.flip(-1), batch)
            loss = F.cross_entropy(vit(batch), targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step, total = step + 1, total + loss.item()
        done = f"epoch {epoch + 1}/{model.epochs}  loss {total / (len(labels) // BATCH):.3f}"
        print(f"{done}  {time.perf_counter() - start:.0f} s", flush=True)
    return vit.eval()


def _training_split(
    model: OwnModel, data: ImageSet
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = data.subset(model.split(data).train[: model.images])
    return images[:], labels


def _factor(done: float) -> float:
    """Linear warm-up, then half a cosine."""
    if done < WARMUP:
        return done / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP)))


def _save(model: OwnModel, vit: Any, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: t.contiguous() for name, t in vit.state_dict().items()}, folder / "model.safetensors"
    )
    arguments = {"img_size": model.size, **model.arguments}
    config = {
        "architecture": model.timm_name,
        "num_classes": vit.num_classes,
        "global_pool": vit.global_pool,
        "model_args": arguments,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
