"""Stage `train`: the supernet, trained once."""

from __future__ import annotations

import time

from qnas.studies.progress import Progress
from qnas.studies.workspace import Workspace

STAGE = "train"


def train(work: Workspace, progress: Progress) -> None:
    """Train the supernet, or go on where a killed training stopped; then quote its two corners."""
    if work.trained():
        progress.stage(STAGE, "supernet is there")
    else:
        _train(work, progress)
    if "smallest_accuracy" not in work.stage_facts(STAGE):
        _quote_corners(work)


def _train(work: Workspace, progress: Progress) -> None:
    from qnas.training.loop import train_supernet

    images, labels = work.part("train")
    progress.stage(STAGE, f"supernet of {work.space.name!r} on {len(labels)} images")
    # Counted on across kills, so that the summary tells the whole cost.
    before, start = work.stage_facts(STAGE).get("seconds", 0.0), time.perf_counter()

    def on_epoch(epoch: int, epochs: int, loss: float) -> None:
        work.record_stage(STAGE, seconds=round(before + time.perf_counter() - start, 1))
        progress.advance(epoch, epochs, f"loss {loss:.3f}")

    train_supernet(
        work.space,
        images,
        labels,
        recipe=work.config.train,
        seed=work.config.seed,
        input_step=work.images.input_step,
        directory=work.files.path,
        on_epoch=on_epoch,
    )
    seconds = round(before + time.perf_counter() - start, 1)
    work.record_stage(STAGE, seconds=seconds, supernet=work.supernet_digest())


def _quote_corners(work: Workspace) -> None:
    """Accuracy of the largest and the smallest subnet on the report split, fake-quantized."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    space = work.space
    evaluator = AccuracyEvaluator(work.supernet, *work.part("report"))
    largest, smallest = evaluator.top1([space.largest(), space.smallest()])
    work.record_stage(STAGE, largest_accuracy=largest, smallest_accuracy=smallest)
