"""What a plain timm ViT in floating point reaches in a supernet's processor seconds.

    python tests/bench/float_vit.py STUDY [--seconds 600] [--optimizer adamw] [--json OUT]

timm's ViT in the shape of the largest subnet of the study's space, on the study's training split,
with the batch, the augmentation and the number format of its recipe, the optimizer at the recipe's
floating-point rate, and one cosine schedule over the whole time, which is counted in processor
seconds of this program. Accuracy is of the report split.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from supernet_step import timm_vit
from torch import nn

from qnas._util.serialization import write_json
from qnas.studies.config import load_config
from qnas.studies.run.opening import writable_run
from qnas.studies.run.run import Run
from qnas.studies.stages.train import training_source
from qnas.supernet.cpu import native
from qnas.training.optimizing import make_optimizer, make_schedule
from qnas.training.recipe import Recipe
from qnas.training.source import Batch, BatchPlan

POSITIONS = 10_000  # of the schedule; processor time decides which one a step has
SHOWN_EVERY = 200  # steps


@dataclass(frozen=True, slots=True)
class Found:
    """Top-1 accuracy on the report split, 0..1; what it took."""

    accuracy: float
    images: int
    steps: int
    cpu_seconds: float


def train(run: Run, recipe: Recipe, *, seconds: float) -> Found:
    """Train timm's ViT for about so many processor seconds."""
    torch.manual_seed(run.config.seed)
    model = timm_vit(run.space.largest())
    optimizer = make_optimizer(model, recipe, learning_rate=recipe.float_learning_rate)
    schedule = make_schedule(optimizer, recipe, steps=POSITIONS)
    stream, start, spent, steps = batches(run, recipe), time.process_time(), 0.0, 0
    while spent < seconds:
        schedule(int(POSITIONS * spent / seconds))
        _step(model, optimizer, recipe, next(stream))
        spent, steps = time.process_time() - start, steps + 1
        if steps % SHOWN_EVERY == 0:
            print(f"{steps:,} steps, {spent:.0f} s", file=sys.stderr, flush=True)
    return Found(*accuracy(model.eval(), run), steps, round(spent, 1))


def batches(run: Run, recipe: Recipe) -> Iterator[Batch]:
    """The study's augmented training batches, epoch after epoch."""
    source = training_source(run)
    for epoch in itertools.count():
        yield from source.batches(BatchPlan(run.config.seed, epoch, recipe.batch_size))


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, batch: Batch) -> None:
    optimizer.zero_grad(set_to_none=True)
    enabled = recipe.amp and native.takes_bfloat16("cpu")
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits = model(batch[0])
    F.cross_entropy(logits.float(), batch[1]).backward()
    optimizer.step()


def accuracy(model: nn.Module, run: Run) -> tuple[float, int]:
    """Top-1 accuracy on the report split, and its number of images."""
    images, labels = (torch.from_numpy(part[:]) for part in run.subset("report"))
    with torch.no_grad():
        right = sum(
            (model(x).argmax(dim=1) == y).sum().item()
            for x, y in zip(images.split(500), labels.split(500), strict=True)
        )
    return right / len(labels), len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a study's TOML file or name, its images in memory")
    parser.add_argument("--seconds", type=float, default=600.0, help="of the training")
    parser.add_argument("--optimizer", help="the default is the study's")
    parser.add_argument("--float32", action="store_true", help="also where the study has bfloat16")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    study = load_config(options.study)
    train_config = replace(study.train, amp=study.train.amp and not options.float32)
    recipe = replace(train_config, optimizer=options.optimizer or train_config.optimizer)
    with tempfile.TemporaryDirectory() as runs, writable_run(study, runs=Path(runs)) as run:
        found = train(run, recipe, seconds=options.seconds)
    print(json.dumps(asdict(found)))
    if options.json:
        write_json(options.json, asdict(found))


if __name__ == "__main__":
    main()
