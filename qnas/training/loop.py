"""Supernet training: the largest subnet in floating point, then all subnets quantization-aware.

Every random choice derives from (seed, epoch, step), so that a resumed training gives the same
result as an uninterrupted one; on a CPU, the results are equal bit for bit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from qnas._util.serialization import digest
from qnas.errors import CheckpointError, problem
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet
from qnas.supernet.pretrained import Imported, Pretrained
from qnas.supernet.pretrained.load import load_pretrained
from qnas.supernet.threads import torch_threads
from qnas.training.checkpoint import TrainingIdentity
from qnas.training.logs import Interval, Monitor, OnInterval
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
    start_digest: str = "",
    source_digest: str = "",
    on_interval: OnInterval = lambda interval: None,
    monitor: Monitor = lambda supernet, interval: None,
) -> Supernet:
    """Train on the batches of `source` and write the supernet to `directory`.

    The training resumes from the checkpoint in `directory`, if there is one. Under torchrun every
    process calls this function with equal arguments; only rank 0 writes files and calls
    `on_interval`.

    Args:
        space: The space of the supernet.
        source: Images to train on.
        recipe: All numbers of the training.
        seed: Seed of every random choice.
        input_step: Step to which normalised images are quantized.
        directory: Folder of checkpoints, log and result.
        start: A supernet of `space` that is trained in place; by default a new one.
        start_digest: Digest of what `start` was made from; by default of its weights.
        source_digest: Digest by which the training knows its images; by default that of `source`.
        on_interval: Called after every line of the log.
        monitor: Called before it with the supernet as it is then, which it must not change.

    Returns:
        The trained supernet.

    Raises:
        TrainingError: The loss or a weight became NaN or infinite; the last checkpoint is kept.
        KeyboardInterrupt: SIGINT came; a checkpoint was written. SIGTERM is handled as before the
            call, once a checkpoint was written.
    """
    images = source_digest or source.digest
    parts = [space.identity(), recipe.determining(), seed, input_step, images]
    if start:
        parts.append(start_digest or _fingerprint(start))
    name = space.name if isinstance(space, SearchSpace) else space.architecture.key
    run = TrainingIdentity(name, digest(parts))
    with torch_threads(recipe.threads), joined(recipe.device) as processes:
        _check(source, space, recipe, processes)
        supernet = start or initial_supernet(
            space,
            source,
            seed=seed,
            input_step=input_step,
            scale=recipe.initial_scale if recipe.layer_scaling else 1.0,
        )
        session = Session(
            supernet.to(processes.device),
            source,
            recipe=recipe,
            seed=seed,
            processes=processes,
            directory=directory,
            run=run,
        )

        def observed(interval: Interval) -> None:
            monitor(supernet, interval)
            on_interval(interval)

        session.all_epochs(observed)
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
    scale: float = 1.0,
) -> Supernet:
    """Make an untrained supernet, with layer scales of `scale`, and with step sizes set on images
    of `source`."""
    supernet = _fresh(space, seed, input_step)
    supernet.set_layer_scales(scale)
    supernet.initialise_steps(source.calibration(CALIBRATION_IMAGES))
    return supernet


def pretrained_supernet(
    space: SearchSpace | Singleton,
    images: Tensor,
    *,
    seed: int,
    input_step: float,
    pretrained: Pretrained,
) -> tuple[Supernet, Imported]:
    """Make a supernet with the weights of a pretrained ViT, with step sizes set on `images` (B, C,
    H, W); returns it with the record of the loaded weights.

    Raises as `load_pretrained`, and CheckpointError for weights whose activations overflow.
    """
    supernet = _fresh(space, seed, input_step)
    imported = load_pretrained(supernet, pretrained)
    try:
        supernet.initialise_steps(images)
        sound = all(tensor.isfinite().all() for tensor in supernet.state_dict().values())
    except (OverflowError, ValueError):  # the step of the residual's grid is infinite or zero
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
