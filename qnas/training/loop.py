"""Supernet training: sandwich sampling with in-place distillation, quantization-aware throughout.

Everything random derives from (seed, epoch, step), so that a resumed run repeats an uninterrupted
one: on a CPU bit for bit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from qnas._util.serialization import digest, encode
from qnas.errors import CheckpointError, problem
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.supernet.pretrained import Imported, Pretrained
from qnas.supernet.pretrained.load import load_pretrained
from qnas.supernet.threads import torch_threads
from qnas.training.checkpoint import TrainingIdentity
from qnas.training.logs import OnInterval
from qnas.training.processes import Processes, joined
from qnas.training.recipe import Recipe
from qnas.training.session import CALIBRATION_IMAGES, Session
from qnas.training.source import BatchSource, check_source

__all__ = ["CALIBRATION_IMAGES", "initial_supernet", "pretrained_supernet", "train_supernet"]


def train_supernet(
    space: SearchSpace | Singleton,
    source: BatchSource,
    *,
    recipe: Recipe,
    seed: int,
    input_step: float,
    directory: Path,
    start: Supernet | None = None,
    on_interval: OnInterval = lambda interval: None,
) -> Supernet:
    """Train on the batches of `source` and write the supernet to `directory`.

    `start`, a supernet of `space`, is trained on in place; without it a fresh one is. Resumes from
    the checkpoint in `directory`, if any. `on_interval` follows every line of the log. Under
    torchrun every process calls this with equal arguments; rank 0 alone writes and tells.

    TrainingError if the loss or a weight stops being a number: the last checkpoint stays.
    """
    parts = [encode(space), encode(recipe), seed, input_step, source.digest]
    if start:
        parts.append(_fingerprint(start))
    name = space.name if isinstance(space, SearchSpace) else space.architecture.key
    run = TrainingIdentity(name, digest(parts))
    with torch_threads(recipe.threads), joined(recipe.device) as processes:
        _check(source, space, recipe, processes)
        supernet = start or initial_supernet(space, source, seed=seed, input_step=input_step)
        session = Session(
            supernet.to(processes.device),
            source,
            recipe=recipe,
            seed=seed,
            processes=processes,
            directory=directory,
            run=run,
        )
        session.all_epochs(on_interval)
        session.finish({"recipe": recipe, "seed": seed, "run": run.digest})
    return supernet.eval()


def _check(
    source: BatchSource,
    space: SearchSpace | Singleton,
    recipe: Recipe,
    processes: Processes,
) -> None:
    largest = space.largest()
    check_source(
        source,
        classes=largest.num_classes,
        shape=(largest.in_channels, largest.image_size, largest.image_size),
        parts=processes.count * recipe.accumulate,
        batch_size=recipe.batch_size,
    )


def initial_supernet(
    space: SearchSpace | Singleton,
    source: BatchSource,
    *,
    seed: int,
    input_step: float,
) -> Supernet:
    """A fresh supernet before its first step, its steps set on images of `source`."""
    supernet = _fresh(space, seed, input_step)
    supernet.initialise_steps(source.calibration(CALIBRATION_IMAGES))
    return supernet


def pretrained_supernet(
    space: SearchSpace | Singleton,
    source: BatchSource,
    *,
    seed: int,
    input_step: float,
    pretrained: Pretrained,
) -> tuple[Supernet, Imported]:
    """The same with the weights of a pretrained ViT, and what was loaded of it; raises what
    `load_pretrained` raises, and CheckpointError for weights whose activations overflow."""
    supernet = _fresh(space, seed, input_step)
    imported = load_pretrained(supernet, pretrained)
    try:
        supernet.initialise_steps(source.calibration(CALIBRATION_IMAGES))
        sound = all(tensor.isfinite().all() for tensor in supernet.state_dict().values())
    except (OverflowError, ValueError):  # of the residual's grid: infinite, or of zero
        sound = False
    if not sound:
        rule = "must give activations on the images that are finite and not all zero"
        remedy = "Take another checkpoint."
        raise CheckpointError(problem(pretrained.source, rule, "others", remedy))
    return supernet, imported


def _fresh(space: SearchSpace | Singleton, seed: int, input_step: float) -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Supernet(space, input_step=input_step)


def _fingerprint(supernet: Supernet) -> str:
    state = hashlib.sha256()
    for tensor in supernet.state_dict().values():
        state.update(tensor.cpu().contiguous().numpy().tobytes())
    return state.hexdigest()
