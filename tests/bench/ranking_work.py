"""Trained networks of the ranking benchmark: each trained once, then known by its content."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from ranking_data import Task

import qnas
from qnas._util.serialization import digest, encode, write_json
from qnas.architecture import Architecture
from qnas.objectives.accuracy import AccuracyEvaluator
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.supernet.storage import load_supernet
from qnas.supernet.weights import MatrixWeights, SubnetWeights
from qnas.training.augmentation import Affine
from qnas.training.logs import Interval
from qnas.training.loop import CALIBRATION_IMAGES, train_supernet
from qnas.training.recipe import Recipe
from qnas.training.source import ArraySource

ACCURACIES, SECONDS = "accuracy.json", "seconds.json"


class RandomRows(Supernet):
    """A supernet without a ranking of rows: which rows of a matrix are 8-bit, each subnet draws
    for itself, from its own key."""

    def slice(self, arch: Architecture) -> SubnetWeights:
        weights = super().slice(arch)
        drawn = {n: self._drawn(arch.key, n, m) for n, m in weights.matrices.items()}
        return dataclasses.replace(weights, matrices=drawn)

    def _drawn(self, key: str, name: str, matrix: MatrixWeights) -> MatrixWeights:
        seed = int(digest([key, name], length=12), 16)
        order = torch.randperm(matrix.rows, generator=torch.Generator().manual_seed(seed))
        return dataclasses.replace(matrix, is_w8=matrix.is_w8[order])


@dataclass(frozen=True, slots=True)
class Job:
    """One training: of a supernet, or of a Singleton, which is a subnet alone."""

    title: str
    space: SearchSpace | Singleton
    recipe: Recipe
    seed: int
    kind: type[Supernet] = Supernet


@dataclass(frozen=True, slots=True)
class Outcome:
    """Accuracy of each subnet, 0..1; processor seconds of the training."""

    accuracies: list[float]
    cpu_seconds: float


class Workshop:
    """Trains on one task, in folders of `folder` named by all that determines a result: the code
    of supernet and training, data, space, recipe and seed."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.folder = task, folder / task.name
        hashes = [hashlib.sha256(a.tobytes()).hexdigest() for a in (*task.train, *task.test)]
        self._fixed = [code_digest(), hashes, task.input_step]

    def known(self, job: Job, subnets: Sequence[Architecture]) -> Outcome | None:
        """What is on record of `job`; None if any of it is still to be done."""
        folder = self._folder(job)
        accuracies = _read(folder / ACCURACIES)
        if any(arch.key not in accuracies for arch in subnets):
            return None
        return Outcome([accuracies[a.key] for a in subnets], _read(folder / SECONDS)["cpu"])

    def do(self, job: Job, subnets: Sequence[Architecture], *, wait: bool) -> bool:
        """Whatever of `job` is not on record: train, and try the subnets on the test images.

        What another process is at, `wait` for, or leave to it. Whether this process did anything.
        """
        with _alone(self._folder(job), wait=wait) as mine:
            if mine and not self.known(job, subnets):
                self._do(job, subnets)
                return True
        return False

    def _do(self, job: Job, subnets: Sequence[Architecture]) -> None:
        folder = self._folder(job)
        accuracies = _read(folder / ACCURACIES)
        missing = [arch for arch in subnets if arch.key not in accuracies]
        found = AccuracyEvaluator(self._trained(job, folder), *self.task.test).top1(missing)
        accuracies |= dict(zip((arch.key for arch in missing), found, strict=True))
        write_json(folder / ACCURACIES, accuracies)

    def _folder(self, job: Job) -> Path:
        inputs = [encode(job.space), encode(job.recipe), job.seed, job.kind.__name__]
        return self.folder / digest([self._fixed, *inputs], length=16)

    def _trained(self, job: Job, folder: Path) -> Supernet:
        if (folder / "supernet.json").exists():
            supernet = job.kind(job.space, input_step=self.task.input_step)
            supernet.load_state_dict(load_supernet(folder).state_dict())
            return supernet.eval()
        before, start = _read(folder / SECONDS).get("cpu", 0.0), time.process_time()

        def on_interval(now: Interval) -> None:
            spent = before + time.process_time() - start
            write_json(folder / SECONDS, {"cpu": round(spent, 1)})
            note = f"{self.task.name}: {job.title}, epoch {now.epoch}/{now.epochs}"
            print(f"{note}, loss {now.loss:.3f}, {spent:.0f} s", file=sys.stderr, flush=True)

        transform = Affine(job.recipe.augment)
        classes = job.space.largest().num_classes
        return train_supernet(
            job.space,
            ArraySource(*self.task.train, classes, transform, repr(transform)),
            recipe=job.recipe,
            seed=job.seed,
            input_step=self.task.input_step,
            directory=folder,
            start=None if job.kind is Supernet else self._fresh(job),
            on_interval=on_interval,
        )

    def _fresh(self, job: Job) -> Supernet:
        """As training itself begins, of another kind."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            supernet = job.kind(job.space, input_step=self.task.input_step)
        supernet.set_layer_scales(job.recipe.initial_scale)
        supernet.initialise_steps(torch.from_numpy(self.task.train[0][:CALIBRATION_IMAGES]))
        return supernet


@contextmanager
def _alone(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Whether no other process is at `folder`; none will be. A lock dies with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _read(path: Path) -> dict[str, float]:
    known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return known


def code_digest() -> str:
    """Digest of the sources that a trained network depends on."""
    root, sha = Path(qnas.__file__).parent, hashlib.sha256()
    folders = [root / name for name in ("supernet", "training")]
    for path in (root / "numerics.py", *sorted(p for f in folders for p in f.glob("*.[pc]*"))):
        sha.update(path.read_bytes())
    return sha.hexdigest()
