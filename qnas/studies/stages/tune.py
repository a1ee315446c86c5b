"""Stage `tune`: fine-tuning of the picks' subnets, quantization-aware as in the supernet."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qnas._util.serialization import digest, write_json
from qnas.architecture import Architecture
from qnas.studies.progress import Progress
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import BeforeAfter, Tuning, tuning_of
from qnas.studies.stages.kernels import named_picks, picks
from qnas.studies.stages.search import searched
from qnas.studies.stages.train import training_source
from qnas.training.recipe import Recipe

if TYPE_CHECKING:
    from qnas.supernet.model import Supernet
    from qnas.training.source import BatchSource

STAGE = "tune"


def tune(run: Run, progress: Progress, names: Sequence[str] = ()) -> None:
    """Tune the subnets of the picks `names` (all without names) not yet tuned with this recipe.

    A subnet that several picks share is tuned once. Raises UnknownNameError for an unknown pick,
    and as `picks`.
    """
    run.need(STAGE, searched(run), "search")
    chosen = named_picks(picks(run), names)
    subnets = {pick.trial.architecture.key: pick.trial.architecture for pick in chosen}
    missing = [arch for arch in subnets.values() if not _tuned(run, arch)]
    note = f"{len(missing)} of {len(subnets)} subnets" if missing else "subnets are tuned"
    progress.stage(STAGE, note)
    for arch in missing:
        _tune(run, arch, progress)


def recipe_of(run: Run) -> Recipe:
    """The recipe of [train] with the changes of [tune]."""
    return run.config.tune.recipe(run.config.train)


def _tuned(run: Run, arch: Architecture) -> bool:
    known = tuning_of(run, arch)
    return known is not None and known.recipe == digest(recipe_of(run).determining())


def _tune(run: Run, arch: Architecture, progress: Progress) -> None:
    """Train a subnet, measure and record its accuracies. The exported files of its picks are
    outdated afterwards."""
    files, recipe = run.files.tuned(arch.key), digest(recipe_of(run).determining())
    for pick in picks(run):
        if pick.trial.architecture == arch:
            run.files.pick(pick.name).architecture.unlink(missing_ok=True)
    files.record.unlink(missing_ok=True)
    source = training_source(run)
    images = source.digest
    start = digest([run.supernet_digest(), recipe, images])
    if not files.begun_with(start):  # a checkpoint of another recipe or supernet cannot be resumed
        shutil.rmtree(files.path, ignore_errors=True)
        write_json(files.start, start)
    tuned = _trained(run, arch, source, images, progress)
    found = {
        split: BeforeAfter(*(_accuracy(run, split, net, arch) for net in (run.supernet, tuned)))
        for split in ("search", "report")
    }
    write_json(files.record, Tuning(run.supernet_digest(), recipe, **found))


def _trained(
    run: Run, arch: Architecture, source: BatchSource, images: str, progress: Progress
) -> Supernet:
    from qnas.training.logs import Interval
    from qnas.training.loop import train_supernet

    start = run.supernet.narrowed(arch)

    def on_interval(now: Interval) -> None:
        run.record_stage(STAGE, **{f"{arch.key}_seconds": now.seconds})
        progress.advance(now.step, now.steps, f"{arch.key}  loss {now.loss:.3f}")

    return train_supernet(
        start.space,
        source,
        recipe=recipe_of(run),
        seed=run.config.seed,
        input_step=start.input_step,
        directory=run.files.tuned(arch.key).path,
        start=start,
        source_digest=images,
        on_interval=on_interval,
    )


def _accuracy(run: Run, split: str, supernet: Supernet, arch: Architecture) -> float:
    from qnas.objectives.accuracy import AccuracyEvaluator

    (top1,) = AccuracyEvaluator(supernet, *run.subset(split)).top1([arch])
    return top1
