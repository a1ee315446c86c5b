"""Stage `train`: the supernet, trained once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnas._util.serialization import read_json
from qnas.data.files import ImageFiles
from qnas.studies.run.progress import Progress, duration
from qnas.studies.run.run import Workspace

if TYPE_CHECKING:
    from qnas.training.logs import Interval, OnInterval
    from qnas.training.source import BatchSource

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
    work.record_stage(STAGE, supernet=work.supernet_digest(), passes=_passes(work))


def _passes(work: Workspace) -> str:
    """What computed the quantizers: see `supernet.native`."""
    return str(read_json(work.files.supernet[1])["training"]["passes"])


def _supernet(work: Workspace, on_interval: OnInterval) -> None:
    from qnas.training.loop import initial_supernet, train_supernet

    source, config = training_source(work), work.config
    input_step = work.images.step_for(work.space.activation_bits)
    start = None
    if config.pretrained:
        start = initial_supernet(
            work.space,
            source,
            seed=config.seed,
            input_step=input_step,
            pretrained=config.pretrained,
        )
    train_supernet(
        work.space,
        source,
        recipe=config.train,
        seed=config.seed,
        input_step=input_step,
        directory=work.files.path,
        start=start,
        on_interval=on_interval,
    )


def training_source(work: Workspace) -> BatchSource:
    """The batches of the training split, augmented as the recipe says."""
    from qnas.training.augment import Affine
    from qnas.training.file_source import FileSource
    from qnas.training.mixing import Both, Mixing
    from qnas.training.source import ArraySource, BatchTransform

    recipe, classes = work.config.train, work.images.num_classes
    images, labels = work.part("train")
    mixing = Mixing(recipe.mixup, recipe.cutmix, classes) if recipe.mixup or recipe.cutmix else None
    if isinstance(images, ImageFiles):
        return FileSource(images, labels, classes, recipe, mixing)
    affine = Affine(recipe.augment)
    transform: BatchTransform = Both(affine, mixing) if mixing else affine
    return ArraySource(images[:], labels, classes, transform, repr(transform))


def _quote_corners(work: Workspace) -> None:
    """Accuracy of the largest and the smallest subnet on the report split, fake-quantized."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    space = work.space
    evaluator = AccuracyEvaluator(work.supernet, *work.part("report"))
    largest, smallest = evaluator.top1([space.largest(), space.smallest()])
    work.record_stage(STAGE, largest_accuracy=largest, smallest_accuracy=smallest)
