"""Corrections of a run's inputs: which are taken over, and which existing results they cost.

An input that no existing result depends on may change freely. Of images in files some may be
removed or replaced, as a message on a damaged one advises. What only the exported projects say,
such as the board's name, costs an export.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qnas.data.files import ImageFiles
from qnas.studies.run.changes import Change, changes, refuse_any
from qnas.studies.run.manifest import Manifest, read_manifest
from qnas.studies.run.membership import Lost, Membership, write_membership
from qnas.studies.run.run import Run

MOST_LOST = 0.01  # share of the training images that may change after the training began
ALWAYS_LOST = 10  # training images that may change, of any number
QUOTED = ("largest_accuracy", "smallest_accuracy")  # facts of `train` on the report split
IMAGES_CHANGED = "images_changed"  # fact of `train`


@dataclass(frozen=True, slots=True)
class _Found:
    """The changes of a run's inputs, and of its image files those that were lost."""

    changes: tuple[Change, ...]
    lost: tuple[Lost, ...]

    def lost_of(self, split: str) -> Lost | None:
        return next((one for one in self.lost if one.split == split), None)

    @property
    def costs_export(self) -> bool:
        others = any(change.stage == "export" for change in self.changes)
        return others or self.lost_of("report") is not None


def take_over(run: Run) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest of `run` after corrections of its study and its data, written by the caller, and
    sentences on the corrections.

    Results that are no longer true are removed: exported projects, or an empty study.

    Raises ConfigError for a change that an existing result depends on, with both values.
    """
    old, fresh = read_manifest(run.files.manifest), run.make_manifest()
    found = _find(run, old, fresh)
    refuse_any((one for one in found.changes if _has_results(run, one)), run.files.path)
    notes = tuple(_notes(found))
    stages = {name: dict(facts) for name, facts in old.stages.items()}
    if any(change.stage == "search" for change in found.changes):
        run.files.journal.unlink(missing_ok=True)  # it has no trial
    if found.costs_export:
        _forget_exports(run)
    training = stages.get("train", {})
    if found.lost_of("report"):
        training = {name: fact for name, fact in training.items() if name not in QUOTED}
    if (lost := found.lost_of("train")) and _training_began(run):
        told = filter(None, (str(training.get(IMAGES_CHANGED, "")), str(lost)))
        training[IMAGES_CHANGED] = "; ".join(told)
    if training:
        stages["train"] = training
    return replace(fresh, versions=old.versions, stages=stages), notes


def keep_membership(run: Run) -> None:
    """Write the split of each image file, unless it is there as the files are."""
    files, kept = run.images.images, run.kept_splits
    if isinstance(files, ImageFiles) and (kept is None or kept[1]):
        write_membership(run.files.splits, Membership.of(files, run.splits))


def _find(run: Run, old: Manifest, fresh: Manifest) -> _Found:
    found = changes(old, run.config, space=run.space, device=run.device)
    if old.data.digest == fresh.data.digest:
        return _Found(tuple(found), ())
    kept = run.kept_splits
    if kept is None or not kept[1] or not _few(kept[1]):
        other = Change("data", str(old.data), str(fresh.data), "train")
        return _Found((other, *found), ())
    searched = [one for one in kept[1] if one.split == "search"]
    found += [Change("data", _split(one, now=False), _split(one), "search") for one in searched]
    return _Found(tuple(found), kept[1])


def _few(lost: Sequence[Lost]) -> bool:
    """Whether so few training images changed that the training stays what it was."""
    return all(
        one.removed + one.replaced <= max(ALWAYS_LOST, MOST_LOST * one.files)
        for one in lost
        if one.split == "train"
    )


def _split(lost: Lost, *, now: bool = True) -> str:
    return str(lost) if now else f"{lost.files:,} images of the {lost.split} split"


def _has_results(run: Run, change: Change) -> bool:
    """Whether the run has results that depend on a changed input."""
    if change.stage == "train":
        return _training_began(run)
    return change.stage == "search" and _has_trials(run)


def _training_began(run: Run) -> bool:
    return run.trained() or run.files.checkpoint.exists()


def _has_trials(run: Run) -> bool:
    from qnas.studies.optuna_internals import CREATE_TRIAL
    from qnas.studies.storage.mending import read_content

    if not run.files.journal.exists():
        return False
    try:
        entries = read_content(run.files.journal.read_bytes()).entries
    except ValueError:
        return True  # opening it says what is wrong
    return any(json.loads(entry)["op_code"] == CREATE_TRIAL for entry in entries)


def _forget_exports(run: Run) -> None:
    """Remove the files whose presence says that a kernel is exported."""
    for folder in run.files.picks.glob("*"):
        run.files.pick(folder.name).architecture.unlink(missing_ok=True)
    run.files.multi_network.facts.unlink(missing_ok=True)


def _notes(found: _Found) -> Iterator[str]:
    for change in found.changes:
        yield str(change)
    for lost in found.lost:
        yield f"{lost}; every other image stays in its split"
    if found.costs_export:
        yield "the picks are exported and verified again; training and search stay"
