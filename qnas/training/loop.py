"""Supernet training: sandwich sampling with in-place distillation, quantization-aware throughout.

Everything random derives from (seed, epoch) or (seed, step), so that a resumed run repeats an
uninterrupted one bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from qnas.architecture import Architecture
from qnas.errors import QnasError, problem
from qnas.serial import digest, encode
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.supernet.storage import save_supernet
from qnas.supernet.threads import torch_threads
from qnas.training.augment import augment
from qnas.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from qnas.training.recipe import Recipe

CALIBRATION_IMAGES = 512
OnEpoch = Callable[[int, int, float], None]


class TrainingError(QnasError, FloatingPointError):
    """Training diverged."""


def train_supernet(
    space: SearchSpace | Singleton,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    recipe: Recipe,
    seed: int,
    input_step: float,
    directory: Path,
    start: Supernet | None = None,
    on_epoch: OnEpoch = lambda epoch, epochs, loss: None,
) -> Supernet:
    """Train on images (n, C, H, W) and write the supernet to `directory`.

    `start`, a supernet of `space`, is trained on in place; without it a fresh one is. Resumes from
    the checkpoint there, if any. `on_epoch(epoch, epochs, loss)` follows every epoch, 1-based, with
    the mean loss of each step's first subnet. TrainingError if the loss stops being a number.
    """
    parts = [encode(space), encode(recipe), seed, input_step, _fingerprint(images, labels)]
    run = digest(parts if start is None else [*parts, _fingerprint(*start.state_dict().values())])
    data, targets = torch.from_numpy(images), torch.from_numpy(labels)
    with torch_threads(recipe.threads):
        supernet = start or _initial(space, data, seed=seed, input_step=input_step)
        trainer = _Trainer(supernet, recipe, seed, steps_per_epoch(len(images), recipe))
        first = load_checkpoint(directory, supernet, trainer.optimizer, run=run)
        for epoch in range(first, recipe.epochs):
            loss = trainer.epoch(epoch, data, targets)
            if not math.isfinite(loss):
                raise TrainingError(
                    problem("loss", "must stay finite", loss, "Lower train.learning_rate.")
                )
            on_epoch(epoch + 1, recipe.epochs, loss)
            if (epoch + 1) % recipe.checkpoint_epochs == 0:
                save_checkpoint(directory, supernet, trainer.optimizer, epoch=epoch + 1, run=run)
        supernet.fit_residual(data[:CALIBRATION_IMAGES])
    supernet.eval()
    save_supernet(supernet, directory, training={"recipe": recipe, "seed": seed, "run": run})
    (directory / CHECKPOINT).unlink(missing_ok=True)
    return supernet


def steps_per_epoch(images: int, recipe: Recipe) -> int:
    """Full batches in an epoch (at least one: fewer images than a batch make one small batch)."""
    return max(1, images // recipe.batch_size)


def step_subnets(
    space: SearchSpace | Singleton, seed: int, step: int, *, recipe: Recipe
) -> list[Architecture]:
    """The subnets of one step, each once: the largest, the smallest, then random ones."""
    rng, count = Random(f"{seed}/{step}"), recipe.random_subnets
    corners = [space.largest(), space.smallest()] if recipe.sandwich else []
    chosen = [*corners, *(space.sample(rng) for _ in range(count + 2 - len(corners)))]
    return list(dict.fromkeys(chosen))


class _Trainer:
    def __init__(self, supernet: Supernet, recipe: Recipe, seed: int, steps: int) -> None:
        self.supernet, self.recipe, self.seed, self.steps = supernet, recipe, seed, steps
        self.optimizer = torch.optim.AdamW(_groups(supernet, recipe), fused=True)

    def epoch(self, epoch: int, images: Tensor, labels: Tensor) -> float:
        recipe, generator = self.recipe, torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        if epoch % recipe.rerank_epochs == 0 and epoch < recipe.rerank_until * recipe.epochs:
            self.supernet.rerank(images[:CALIBRATION_IMAGES])
            self.supernet.fit_residual(images[:CALIBRATION_IMAGES])
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for index in range(self.steps):
            chosen = order[index * recipe.batch_size : (index + 1) * recipe.batch_size]
            batch = augment(images[chosen], shift_pixels=recipe.augment, generator=generator)
            total += self.step(epoch * self.steps + index, batch, labels[chosen])
        return total / self.steps

    def step(self, step: int, images: Tensor, labels: Tensor) -> float:
        factor = _schedule(step, self.steps * self.recipe.epochs, self.recipe.warmup_fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        self.optimizer.zero_grad(set_to_none=True)
        first, *others = step_subnets(self.supernet.space, self.seed, step, recipe=self.recipe)
        logits = self.supernet(images, first)
        loss = self.on_labels(logits, labels)
        torch.autograd.backward(loss)
        soft = logits.detach().softmax(dim=-1)
        distilled = self.recipe.sandwich and self.recipe.distill
        for arch in others:
            logits = self.supernet(images, arch)
            torch.autograd.backward(
                F.cross_entropy(logits, soft) if distilled else self.on_labels(logits, labels)
            )
        self.optimizer.step()
        return loss.item()

    def on_labels(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)


def _initial(
    space: SearchSpace | Singleton, images: Tensor, *, seed: int, input_step: float
) -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        supernet = Supernet(space, input_step=input_step)
    supernet.initialise_steps(images[:CALIBRATION_IMAGES])
    return supernet


def _groups(supernet: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """Weight decay on matrices alone; step sizes at their own rate."""
    steps = [p for n, p in supernet.named_parameters() if "log_step" in n]
    matrices = [p for n, p in supernet.named_parameters() if n.endswith(".weight")]
    known = {id(p) for p in steps + matrices}
    if not recipe.layer_scaling:
        known |= {id(p) for n, p in supernet.named_parameters() if n.endswith("_scale")}
    vectors = [p for p in supernet.parameters() if id(p) not in known]
    rate = recipe.learning_rate
    return [
        {"params": matrices, "peak_lr": rate, "lr": rate, "weight_decay": recipe.weight_decay},
        {"params": vectors, "peak_lr": rate, "lr": rate, "weight_decay": 0.0},
        {
            "params": steps,
            "peak_lr": recipe.step_learning_rate,
            "lr": recipe.step_learning_rate,
            "weight_decay": 0.0,
        },
    ]


def _schedule(step: int, steps: int, warmup_fraction: float) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    warmup = max(1, round(steps * warmup_fraction))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _fingerprint(*arrays: NDArray[Any] | Tensor) -> list[str]:
    import hashlib

    return [hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest() for a in arrays]
