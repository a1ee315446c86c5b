"""Remarks on a study or its outcome that the user should look at: sentences, never errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qnas._util.intervals import wilson_interval
from qnas.studies.config import Study

if TYPE_CHECKING:
    from qnas.studies.results.picks import Pick

NEAR = 0.1
GENTLE = 1e-3  # DeiT fine-tunes below it (arXiv:2012.12877); the default 3e-3 suits random weights


def recipe_remarks(config: Study) -> tuple[str, ...]:
    """A remark on each learning rate that is high for the pretrained weights that training starts
    from."""
    recipe = config.train
    rates = {"learning_rate": recipe.learning_rate}
    if recipe.float_share:
        rates["float_learning_rate"] = recipe.float_learning_rate
    return tuple(
        f"train.{key} = {rate:g} suits a training from random weights, and may undo what "
        "pretrained ones know. Try 5e-4."
        for key, rate in rates.items()
        if config.pretrained and rate > GENTLE
    )


def chance_remarks(accuracy: float, labels: NDArray[np.int64], *, subnet: str) -> tuple[str, ...]:
    """A remark if `accuracy` (fraction) on images with `labels` is near that of always answering
    the most frequent class: not surely more than a tenth of the way from there to 1."""
    chance = float(np.bincount(labels).max()) / len(labels)
    low, _ = wilson_interval(accuracy, len(labels))
    if low > chance + NEAR * (1 - chance):
        return ()
    return (
        f"the {subnet} subnet classifies {accuracy:.2%} of {len(labels):,} images, little more "
        f"than by always answering the most frequent class ({chance:.2%}): train longer, or look "
        "at the labels and at train.learning_rate",
    )


def same_picks(picks: Sequence[Pick]) -> tuple[str, ...]:
    """A remark for each candidate that several picks share."""
    names: dict[str, list[str]] = {}
    for pick in picks:
        names.setdefault(pick.trial.key, []).append(pick.name)
    return tuple(
        f"{' and '.join(shared)} are the same candidate, of {key}"
        for key, shared in names.items()
        if len(shared) > 1
    )
