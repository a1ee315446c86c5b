"""What each idea of the training recipe gives, at equal processor seconds.

    python tests/bench/recipe.py [--study STUDY] [--seconds 30] [--seeds 1] [--only NAME ...]
                                 [--json OUT]

One supernet a variant: the base recipe, and the base with one setting changed. Each gets the same
processor time: the cost of a step of either phase is measured first, and the number of epochs
follows. Accuracies are of fake-quantized subnets on images that no training saw: the largest, the
smallest, and the mean of twelve random ones whose sizes are spread over the space.

Without a study the images are of Fashion-MNIST, and the space is `tiny28` with patches of 7 pixels:
16 tokens in place of 49, so that half a minute trains some thousand steps. With one, images, space
and base recipe are the study's. What is trained is kept in --work and never trained twice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from ranking_data import SPACES

from qnas._util.serialization import digest, encode, write_json
from qnas.data import load_data
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.space import SearchSpace
from qnas.spaces import load_space
from qnas.studies.config import load_config
from qnas.supernet.model import Supernet
from qnas.training.augmentation import array_transform
from qnas.training.logs import Interval
from qnas.training.loop import train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource
from qnas.training.step import spread_sample

SPACE = SPACES["fashion_mnist"]
TRAIN_IMAGES = 12_800
VALIDATION = 5_000  # images, from the end of the training images
# Settings of the data and the machine; everything else is the default.
BASE = Recipe(
    batch_size=128,
    augment=0.0,
    crop=1,
    flip=True,
    rerank_epochs=2,
    checkpoint_epochs=1000,
    checkpoint_minutes=0.0,
)
SANDWICH: dict[str, Any] = {"sandwich": True, "random_subnets": 1}
VARIANTS: dict[str, dict[str, Any]] = {
    "base": {},
    "no floating-point phase": {"float_share": 0.0},
    "a fifth in floating point": {"float_share": 0.2},
    "three fifths in floating point": {"float_share": 0.6},
    "sandwich": SANDWICH,
    "sandwich, in-place distillation": SANDWICH | {"distill": "largest"},
    "sandwich, in-place distillation, no floating-point phase": SANDWICH
    | {"distill": "largest", "float_share": 0.0},
    "no distillation": {"distill": "none"},
    "one subnet a step": {"random_subnets": 1},
    "four subnets a step": {"random_subnets": 4},
    "uniform sampling": {"sampling": "uniform"},
    "progressive shrinking": {"shrink_share": 0.5},
    "weight average": {"ema_decay": 0.99},
    "half the patches dropped": {"patch_drop": 0.5},
    "scales start at 1": {"initial_scale": 1.0},
    "Muon": {"optimizer": "muon", "float_learning_rate": 5e-3, "learning_rate": 5e-3},
    "bfloat16": {"amp": True},
    "no augmentation": {"crop": 0, "flip": False},
    "Mixup and CutMix": {"mixup": 0.2, "cutmix": 0.2},
    "batch of 64": {"batch_size": 64},
    "rates halved": {"float_learning_rate": 1.5e-3, "learning_rate": 1.5e-3},
    "rates doubled": {"float_learning_rate": 6e-3, "learning_rate": 6e-3},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accuracies, 0..1; processor seconds and steps of the training."""

    largest: float
    smallest: float
    mean: float
    cpu_seconds: float
    float_epochs: int
    epochs: int


class Setting:
    """What all variants share: a space, a base recipe, images to train on and others to validate
    with."""

    def __init__(self, study: str | None, count: int | None) -> None:
        config = load_config(study) if study else None
        self.space: SearchSpace = load_space(config.space) if config else SPACE
        self.base = config.train if config else BASE
        data = load_data(config.data if config else "fashion_mnist")
        border = len(data.labels) - data.held_out
        last = slice(border - VALIDATION, border)
        first = slice(0, min(count or last.start, last.start))
        self.train = data.images[first], data.labels[first]
        self.validation = data.images[last], data.labels[last]
        self.input_step = data.input_step

    def source(self, recipe: Recipe, count: int | None = None) -> ArraySource:
        classes = self.space.num_classes
        transform = array_transform(recipe, classes)
        images, labels = (np.ascontiguousarray(part[:count]) for part in self.train)
        return ArraySource(images, labels, classes, transform, repr(transform))


def epochs_for(seconds: float, recipe: Recipe, setting: Setting, folder: Path) -> int:
    """The number of epochs that take about so many processor seconds."""
    times = _phase_seconds(recipe, setting, folder)
    share = recipe.float_share
    each = share * times["float"] + (1 - share) * times["quantized"]
    return max(2, round(seconds / (each * (len(setting.train[1]) // recipe.batch_size))))


def _phase_seconds(recipe: Recipe, setting: Setting, folder: Path) -> dict[str, float]:
    """Processor seconds of a step of each phase: of its second and third epoch of eight steps."""
    steps, lines = 8, [("", time.process_time())]
    probe = replace(recipe, epochs=6, float_share=0.5, patch_drop=0.8 * recipe.patch_drop)
    train_supernet(
        setting.space,
        setting.source(probe, steps * recipe.batch_size),
        recipe=probe,
        seed=0,
        input_step=setting.input_step,
        directory=folder / "probe",
        on_interval=lambda now: lines.append((now.phase, time.process_time())),
    )
    ends = {phase: [t for name, t in lines if name == phase] for phase in ("float", "quantized")}
    return {phase: (t[-1] - t[0]) / (steps * (len(t) - 1)) for phase, t in ends.items()}


def outcome(name: str, seed: int, setting: Setting, *, seconds: float, work: Path) -> Outcome:
    """Train the variant `name`, unless its outcome is on record, and measure it."""
    recipe, space = replace(setting.base, **VARIANTS[name]), setting.space
    folder = work / digest(
        [encode(recipe), encode(space), seed, seconds, len(setting.train[1])], length=16
    )
    record = folder / "outcome.json"
    if record.exists():
        return Outcome(**json.loads(record.read_text()))
    recipe = replace(recipe, epochs=epochs_for(seconds, recipe, setting, folder))
    start = time.process_time()
    supernet = _trained(name, recipe, seed, setting, folder)
    spent = time.process_time() - start
    tops = AccuracyEvaluator(supernet, *setting.validation).top1(measured(space))
    found = Outcome(
        largest=tops[0],
        smallest=tops[1],
        mean=statistics.mean(tops[2:]),
        cpu_seconds=round(spent, 1),
        float_epochs=recipe.float_epochs,
        epochs=recipe.epochs,
    )
    write_json(record, asdict(found))
    return found


def measured(space: SearchSpace) -> list[Any]:
    """The largest subnet, the smallest, and twelve random ones of spread sizes."""
    rng = Random(1)
    return [space.largest(), space.smallest(), *(spread_sample(space, rng) for _ in range(12))]


def _trained(name: str, recipe: Recipe, seed: int, setting: Setting, folder: Path) -> Supernet:
    def on_interval(now: Interval) -> None:
        note = f"{name}, seed {seed}, epoch {now.epoch}/{now.epochs}, {now.phase}"
        print(f"{note}, loss {now.loss:.3f}", file=sys.stderr, flush=True)

    return train_supernet(
        setting.space,
        setting.source(recipe),
        recipe=recipe,
        seed=seed,
        input_step=setting.input_step,
        directory=folder,
        on_interval=on_interval,
    )


def table(found: dict[str, list[Outcome]]) -> list[str]:
    """Markdown: means over the seeds, in per cent."""
    lines = ["| variant | seeds | largest | mean of 12 | smallest | processor s | epochs |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, runs in found.items():
        cells = [f"{100 * _mean(runs, part):.1f}" for part in ("largest", "mean", "smallest")]
        epochs = f"{runs[0].float_epochs} + {runs[0].epochs - runs[0].float_epochs}"
        spent = f"{_mean(runs, 'cpu_seconds'):.0f}"
        lines.append(f"| {' | '.join([name, str(len(runs)), *cells, spent, epochs])} |")
    return lines


def _mean(runs: list[Outcome], part: str) -> float:
    return statistics.mean(getattr(run, part) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="of a training")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--study", help="a study's TOML file or name, its images in memory")
    parser.add_argument("--train-images", type=int, help="12,800 without a study, all with one")
    parser.add_argument("--only", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    parser.add_argument("--work", type=Path, default=Path("runs/recipe"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count = options.train_images or (None if options.study else TRAIN_IMAGES)
    setting, found = Setting(options.study, count), dict[str, list[Outcome]]()
    for seed in range(options.seeds):
        for name in options.only:
            run = outcome(name, seed, setting, seconds=options.seconds, work=options.work)
            found.setdefault(name, []).append(run)
            if options.json:
                every = {key: [asdict(one) for one in runs] for key, runs in found.items()}
                write_json(options.json, {"seconds": options.seconds, "variants": every})
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
