"""The start from a pretrained ViT: loading it, measuring its accuracy and, in a study with
[post_training], its calibration."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qnas._util.intervals import wilson_interval
from qnas._util.serialization import write_json
from qnas.errors import CheckpointError
from qnas.studies.progress import Progress, duration
from qnas.studies.results.network_size import network_size
from qnas.studies.run.pretrained import check_calibrated, other_pixels, pretrained_of
from qnas.studies.run.run import Run

if TYPE_CHECKING:
    from torch import Tensor

    from qnas.supernet.model import Supernet
    from qnas.supernet.pretrained import Imported


# Multiplications for the accuracy of the imported model: under a minute of one thread.
MULTIPLICATIONS = 1e12
FEW, MANY = 200, 10_000  # least and largest number of images for it


def start_from(
    run: Run, images: Tensor, *, stage: str, progress: Progress | None
) -> tuple[Supernet, str]:
    """Make a supernet with the study's pretrained weights, its steps set on `images` (B, C, H, W);
    returns it with the SHA-256 of these weights.

    With a `progress`, report and record what was loaded, and its accuracy in floating point. Raises
    as `pretrained_supernet`.
    """
    from qnas.training.loop import pretrained_supernet

    supernet, imported = pretrained_supernet(
        run.space,
        images,
        seed=run.config.seed,
        input_step=run.images.step_for(run.space.activation_bits),
        pretrained=pretrained_of(run.config),
    )
    check_calibrated(run.config, imported)
    if progress:
        lines = [*imported.lines(), *other_pixels(run.config, imported)]
        run.record_stage(stage, pretrained="; ".join(lines), pretrained_sha256=imported.sha256)
        lines += _accuracy(run, supernet, imported, stage)
        for line in lines:
            progress.stage(stage, line)
    return supernet, imported.sha256


def changed_since(run: Run, *, stage: str) -> str:
    """A clause for messages if the study's file of weights has changed since the training."""
    known, source = run.stage_facts(stage).get("pretrained_sha256"), run.config.pretrained
    if not known or not Path(source).exists():
        return ""
    from qnas.supernet.pretrained.stored import digest_of

    with suppress(OSError, CheckpointError):  # a trained run does without them
        if digest_of(Path(source)) == known:
            return ""
    return f"; it started from other weights than {source} holds now"


def _accuracy(run: Run, supernet: Supernet, imported: Imported, stage: str) -> list[str]:
    """Lines on the imported model's floating-point top-1 accuracy on images of the report split."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    if not imported.head:
        return []
    arch = imported.architecture
    affordable = int(MULTIPLICATIONS / (network_size(arch).weights * arch.num_tokens))
    most = min(MANY, max(FEW, affordable))
    if run.config.post_training:  # the table beside it has accuracies of the whole split
        most = len(run.splits.report)
    images, labels = run.loaded_subset("report", at_most=most)
    count = len(labels)
    top1 = AccuracyEvaluator(supernet, images, labels).float_top1(arch)
    low, high = wilson_interval(top1, count)
    run.record_stage(stage, pretrained_accuracy=top1, pretrained_images=count)
    when = "as given" if run.config.post_training else "before training"
    return [
        f"{when}, in floating point: {top1:.2%} of {count} images of the report split "
        f"(95 % interval {low:.2%} to {high:.2%})"
    ]


RANKED_IMAGES = 512  # most training images on which sensitivities are measured


def calibrate(run: Run, progress: Progress, *, stage: str) -> None:
    """Load the study's pretrained ViT, set its quantizers, measure the sensitivity of its matrices
    if the search shall use it, and save it as the run's supernet."""
    import torch

    from qnas.supernet.cpu import native
    from qnas.supernet.post_training.calibrate import calibrate
    from qnas.supernet.post_training.sensitivity import sensitivities
    from qnas.supernet.storage import save_supernet
    from qnas.supernet.threads import torch_threads

    settings, begun = run.config.post_training, time.perf_counter()
    arrays, _ = run.loaded_subset("train", at_most=settings.images)
    images = torch.from_numpy(arrays)
    with torch_threads(run.config.train.threads):
        supernet, _ = start_from(run, images, stage=stage, progress=progress)
        progress.stage(stage, f"calibration of all steps on {len(images)} training images")
        calibrate(supernet, images, settings, progress.advance)
        if settings.guided:
            progress.stage(stage, "sensitivity of each matrix to rows of 4 bits")
            found = sensitivities(supernet, images[:RANKED_IMAGES], progress.advance)
            write_json(run.files.divergences, found)
    training = {"post_training": settings, "passes": native.operators("cpu")}
    save_supernet(supernet.eval(), run.files.path, training=training)
    seconds = round(time.perf_counter() - begun, 2)
    run.record_stage(stage, seconds=seconds)
    progress.stage(stage, f"calibrated in {duration(seconds)}")
