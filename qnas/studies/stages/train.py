"""Stage `train`: the supernet, trained once, and the accuracy of a few subnets meanwhile."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

from qnas._util.serialization import encode, read_json
from qnas.data.files import ImageFiles
from qnas.studies.progress import Progress, duration, rate
from qnas.studies.run.checks import chance_remarks, recipe_remarks
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import AccuracyPoint
from qnas.studies.stages.pretrained import calibrate, changed_since, start_from

if TYPE_CHECKING:
    from qnas.supernet.model import Supernet
    from qnas.training.logs import Interval, OnInterval
    from qnas.training.source import BatchSource

STAGE = "train"
IMAGES = "images"  # fact: the digest of the images that the training began with
MONITORED_IMAGES = 512  # at most, spread evenly over the search split
MONITORED_POINTS = 24  # at most, spread evenly over the epochs


def train(run: Run, progress: Progress) -> None:
    """Train the supernet, or resume an interrupted training; then record the accuracies of its
    largest and smallest subnet."""
    if run.trained():
        progress.stage(STAGE, f"supernet is there{changed_since(run, stage=STAGE)}")
    else:
        _train(run, progress)
    if "smallest_accuracy" not in run.stage_facts(STAGE):
        _quote_corners(run, progress)


def assist(run: Run) -> None:
    """Take part in the training as another rank than 0 under torchrun; writes nothing. A
    calibration is one process's."""
    if not run.trained() and not run.config.post_training:
        _supernet(run, lambda interval: None, None)


def _train(run: Run, progress: Progress) -> None:
    for remark in run.images.remarks:
        progress.stage("data", remark)
    if run.config.post_training:
        calibrate(run, progress, stage=STAGE)
    else:
        _train_supernet(run, progress)
    run.record_stage(STAGE, supernet=run.supernet_digest(), passes=_passes(run))


def _train_supernet(run: Run, progress: Progress) -> None:
    for remark in recipe_remarks(run.config):
        progress.stage(STAGE, remark)
    progress.stage(STAGE, f"supernet of {run.space.name!r} on {len(run.splits.train)} images")
    if reason := _without_passes(run):
        note = "quantizers are computed by torch's operators, not by compiled passes"
        progress.stage(STAGE, f"{note} ({reason}): slower, and one seed gives other weights")

    def on_interval(now: Interval) -> None:
        # Includes the time of interrupted trainings, so that the summary has the whole cost.
        run.record_stage(STAGE, seconds=now.seconds)
        left = now.seconds / now.step * (now.steps - now.step)
        note = f"{now.phase}  loss {now.loss:.3f}  {rate(now.images_per_s)} images/s"
        progress.advance(now.step, now.steps, f"{note}  {duration(left)} left")

    _supernet(run, on_interval, progress)


def _without_passes(run: Run) -> str:
    """The reason why the training uses no compiled passes; "" if it does, or runs on a GPU."""
    from qnas.supernet.cpu import native
    from qnas.training.processes import device_type

    return native.why_not() if device_type(run.config.train.device) == "cpu" else ""


def _passes(run: Run) -> str:
    """What computed the quantizers: see `supernet.cpu.native`."""
    return str(read_json(run.files.supernet[1])["training"]["passes"])


def _supernet(run: Run, on_interval: OnInterval, progress: Progress | None) -> None:
    """Train; with a `progress`, also report and record the weights that the training starts
    from."""
    from qnas.training.loop import CALIBRATION_IMAGES, train_supernet

    source, config, start, weights = training_source(run), run.config, None, ""
    if config.pretrained:
        images = source.calibration(CALIBRATION_IMAGES)
        start, weights = start_from(run, images, stage=STAGE, progress=progress)
    began_with = str(_facts(run).get(IMAGES) or source.digest)
    if progress:
        run.record_stage(STAGE, **{IMAGES: began_with})
    train_supernet(
        run.space,
        source,
        recipe=config.train,
        seed=config.seed,
        input_step=run.images.step_for(run.space.activation_bits),
        directory=run.files.path,
        start=start,
        start_digest=weights,
        source_digest=began_with,
        on_interval=on_interval,
        **({"monitor": AccuracyMonitor(run)} if progress else {}),
    )


def _facts(run: Run) -> dict[str, Any]:
    """The facts of the stage; empty before the first process has written the manifest."""
    return run.stage_facts(STAGE) if run.files.manifest.exists() else {}


def training_source(run: Run) -> BatchSource:
    """The batches of the training split, with the recipe's augmentation."""
    from qnas.training.augmentation import array_transform, mixing_of
    from qnas.training.file_source import FileSource
    from qnas.training.source import ArraySource

    recipe, classes = run.config.train, run.images.num_classes
    images, labels = run.subset("train")
    if isinstance(images, ImageFiles):
        return FileSource(images, labels, classes, recipe, mixing_of(recipe, classes))
    transform = array_transform(recipe, classes)
    return ArraySource(images[:], labels, classes, transform, repr(transform))


def _quote_corners(run: Run, progress: Progress) -> None:
    """Record the fake-quantized accuracies of the largest and the smallest subnet on the report
    split."""
    from qnas.objectives.accuracy import AccuracyEvaluator

    space = run.space
    images, labels = run.subset("report")
    evaluator = AccuracyEvaluator(run.supernet, images, labels)
    largest, smallest = evaluator.top1([space.largest(), space.smallest()])
    run.record_stage(STAGE, largest_accuracy=largest, smallest_accuracy=smallest)
    for remark in chance_remarks(largest, labels, subnet="largest"):
        progress.stage(STAGE, remark)


class AccuracyMonitor:
    """Adds a line to train_accuracy.jsonl at the end of at most MONITORED_POINTS epochs, the last
    among them.

    It changes nothing of the training: it draws no random number of the training's, and reads the
    weights as they are, before they are averaged.
    """

    def __init__(self, run: Run) -> None:
        self._path = run.files.training_accuracy
        self._images, self._labels = run.loaded_subset("search", at_most=MONITORED_IMAGES)
        space = run.space
        random = space.sample(Random(run.config.seed))
        self._subnets = [space.largest(), space.smallest(), random]

    def __call__(self, supernet: Supernet, now: Interval) -> None:
        from qnas.objectives.accuracy import AccuracyEvaluator

        per_epoch, every = now.steps // now.epochs, -(-now.epochs // MONITORED_POINTS)
        if now.step % per_epoch or (now.epoch % every and now.epoch < now.epochs):
            return
        evaluator = AccuracyEvaluator(supernet, self._images, self._labels)
        if now.phase == "float":
            largest, smallest, random = (evaluator.float_top1(arch) for arch in self._subnets)
        else:
            largest, smallest, random = evaluator.top1(self._subnets)
        count = len(self._labels)
        point = AccuracyPoint(now.epoch, now.phase, largest, smallest, random, count)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(encode(point)) + "\n")
