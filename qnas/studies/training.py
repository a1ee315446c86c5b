"""Stage `train`: the supernet, trained once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnas.studies.progress import Progress, duration
from qnas.studies.workspace import Workspace

if TYPE_CHECKING:
    from qnas.training.logs import Interval, OnInterval

STAGE = "train"


def train(work: Workspace, progress: Progress) -> None:
    """Train the supernet, or go on where a killed training stopped; then quote its two corners."""
    if work.trained():
        progress.stage(STAGE, "supernet is there")
    else:
        _train(work, progress)
    if "smallest_accuracy" not in work.stage_facts(STAGE):
        _quote_corners(work)


def assist(work: Workspace) -> None:
    """The part of a process beside rank 0 under torchrun: it trains along, and writes nothing."""
    if not work.trained():
        _supernet(work, lambda interval: None)


def _train(work: Workspace, progress: Progress) -> None:
    progress.stage(STAGE, f"supernet of {work.space.name!r} on {len(work.splits.train)} images")

    def on_interval(now: Interval) -> None:
        # Counted on across kills, so that the summary tells the whole cost.
        work.record_stage(STAGE, seconds=now.seconds)
        left = now.seconds / now.step * (now.steps - now.step)
        note = f"loss {now.loss:.3f}  {now.images_per_s:,.0f} images/s"
        progress.advance(now.step, now.steps, f"{note}  {duration(left)} left")

    _supernet(work, on_interval)
    work.record_stage(STAGE, supernet=work.supernet_digest())


def _supernet(work: Workspace, on_interval: OnInterval) -> None:
    from qnas.training.augment import Affine
    from qnas.training.loop import train_supernet
    from qnas.training.source import ArraySource

    images, labels = work.few("train", len(work.splits.train))
    transform = Affine(work.config.train.augment)
    train_supernet(
        work.space,
        ArraySource(images, labels, work.images.num_classes, transform, repr(transform)),
        recipe=work.config.train,
        seed=work.config.seed,
        input_step=work.images.step_for(work.space.activation_bits),
        directory=work.files.path,
        on_interval=on_interval,
    )


def _quote_corners(work: Workspace) -> None:
    """Accuracy of the largest and the smallest subnet on the report split, fake-quantized."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    space = work.space
    evaluator = AccuracyEvaluator(work.supernet, *work.part("report"))
    largest, smallest = evaluator.top1([space.largest(), space.smallest()])
    work.record_stage(STAGE, largest_accuracy=largest, smallest_accuracy=smallest)
