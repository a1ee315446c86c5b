"""The stage `train` of a study with [post_training]: a pretrained ViT is calibrated."""

from __future__ import annotations

import time

from qnas._util.serialization import write_json
from qnas.studies.progress import Progress, duration
from qnas.studies.run.run import Run
from qnas.studies.stages.pretrained import start_from

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
