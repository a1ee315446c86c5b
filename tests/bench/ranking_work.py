"""Trained networks of the ranking benchmark: each trained once, then known by its content."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from ranking_data import Task

import qnas
from qnas.architecture import Architecture
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.serial import digest, encode, write_json
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.supernet.weights import MatrixWeights, SubnetWeights
from qnas.training.augment import Affine
from qnas.training.logs import Interval
from qnas.training.loop import CALIBRATION_IMAGES, train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource


class RandomRows(Supernet):
    """A supernet without a ranking of rows: which rows of a matrix are 8-bit, each subnet draws
    for itself, from its own key."""

    def slice(self, arch: Architecture) -> SubnetWeights:
        weights = super().slice(arch)
        drawn = {n: self._drawn(arch.key, n, m) for n, m in weights.matrices.items()}
        return dataclasses.replace(weights, matrices=drawn)

    def _drawn(self, key: str, name: str, matrix: MatrixWeights) -> MatrixWeights:
        shared, rows = self.matrix(name), len(matrix.weight)
        seed = int(digest([key, name], length=12), 16)
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
        is_w8 = matrix.is_w8[order]
        steps = torch.where(is_w8, shared.log_step8[:rows], shared.log_step4[:rows])
        return dataclasses.replace(
            matrix,
            is_w8=is_w8,
            low=matrix.low[order],
            high=matrix.high[order],
            log_step=steps[:, None],
        )


class Workshop:
    """Trains on one task, in folders of `folder` named by all that determines a result: the code
    of supernet and training, data, space, recipe and seed."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.folder = task, folder
        hashes = [hashlib.sha256(a.tobytes()).hexdigest() for a in (*task.train, *task.test)]
        self._fixed = [_code(), hashes, task.input_step]
        self.seconds = 0.0

    def accuracies(
        self,
        space: SearchSpace | Singleton,
        subnets: Sequence[Architecture],
        *,
        recipe: Recipe,
        seed: int,
        kind: type[Supernet] = Supernet,
        title: str,
    ) -> list[float]:
        """Accuracy on the test images of each subnet of a supernet of `space`, trained first if it
        is not known; of a Singleton, of the subnet trained alone."""
        inputs = [self._fixed, encode(space), encode(recipe), seed, kind.__name__]
        folder = self.folder / self.task.name / digest(inputs, length=16)
        record = folder / "accuracy.json"
        known = json.loads(record.read_text()) if record.exists() else {}
        missing = [arch for arch in subnets if arch.key not in known]
        if missing:
            supernet = self._trained(
                space, folder, recipe=recipe, seed=seed, kind=kind, title=title
            )
            found = AccuracyEvaluator(supernet, *self.task.test).top1(missing)
            known |= dict(zip((arch.key for arch in missing), found, strict=True))
            write_json(record, known)
        self.seconds += json.loads((folder / "seconds.json").read_text())["cpu"]
        return [known[arch.key] for arch in subnets]

    def _trained(
        self,
        space: SearchSpace | Singleton,
        folder: Path,
        *,
        recipe: Recipe,
        seed: int,
        kind: type[Supernet],
        title: str,
    ) -> Supernet:
        if (folder / "supernet.json").exists():
            supernet = kind(space, input_step=self.task.input_step)
            supernet.load_state_dict(Supernet.load(folder).state_dict())
            return supernet.eval()
        seconds = folder / "seconds.json"
        before = json.loads(seconds.read_text())["cpu"] if seconds.exists() else 0.0
        start = time.process_time()

        transform, classes = Affine(recipe.augment), space.largest().num_classes

        def on_interval(now: Interval) -> None:
            spent = before + time.process_time() - start
            write_json(seconds, {"cpu": round(spent, 1)})
            note = f"{self.task.name}: {title}, epoch {now.epoch}/{now.epochs}, loss {now.loss:.3f}"
            print(f"{note}, {spent:.0f} s", file=sys.stderr, flush=True)

        return train_supernet(
            space,
            ArraySource(*self.task.train, classes, transform, repr(transform)),
            recipe=recipe,
            seed=seed,
            input_step=self.task.input_step,
            directory=folder,
            start=None if kind is Supernet else self._fresh(kind, space, seed),
            on_interval=on_interval,
        )

    def _fresh(self, kind: type[Supernet], space: SearchSpace | Singleton, seed: int) -> Supernet:
        """As training itself begins, of another kind."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            supernet = kind(space, input_step=self.task.input_step)
        supernet.initialise_steps(torch.from_numpy(self.task.train[0][:CALIBRATION_IMAGES]))
        return supernet


def _code() -> str:
    """Digest of the sources that a trained network depends on."""
    root, sha = Path(qnas.__file__).parent, hashlib.sha256()
    for folder in ("supernet", "training"):
        for path in sorted((root / folder).glob("*.py")):
            sha.update(path.read_bytes())
    return sha.hexdigest()
