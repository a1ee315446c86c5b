"""Checks of a study, and remarks on it, before anything depends on them: its data, the names in its
recipe, the memory that its training needs, and what the user should look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qnas._util.files import MIB
from qnas._util.intervals import wilson_interval
from qnas.data import DataHeader, check_images, load_data, peek_data
from qnas.data.files import ImageFiles, check_files
from qnas.data.given import GivenImages
from qnas.data.image_set import ImageSet
from qnas.data.splits import check_divisible
from qnas.errors import ConfigError, problem
from qnas.operations import Gemm, network_operations
from qnas.space import SearchSpace
from qnas.studies.config import Study
from qnas.studies.results.network_size import network_size
from qnas.training.recipe import Recipe

if TYPE_CHECKING:
    from qnas.studies.results.picks import Pick


FOLDER = "folder:"  # prefix of data whose images are augmented as files


def inspect_data(config: Study, space: SearchSpace) -> DataHeader | None:
    """Check headers, names and labels of the data, in about a second.

    Returns None for data that a user's function makes, which is not called. Raises ConfigError for
    data that cannot be read, that do not match `space`, that the study's splits cannot divide, or
    that its augmentation does not support.
    """
    if config.data_name.startswith(FOLDER):
        config.train.check_channels(space.in_channels)
    found = _header(config, space)
    if found is not None:
        check_fit(space, found)
        check_divisible(found, config.splits, seed=config.seed)
    return found


def _header(config: Study, space: SearchSpace) -> DataHeader | None:
    if isinstance(config.data, GivenImages):
        return None  # stored by an existing run, which checked them when it began
    if isinstance(config.data, ImageSet):
        remarks = (*config.data.remarks, *check_images(config.data))
        return replace(config.data.header, remarks=remarks)
    size, channels = space.image_size, space.in_channels
    return peek_data(config.data_name, size=size, channels=channels, pixels=config.images)


def read_data(
    config: Study, space: SearchSpace, on_read: Callable[[int, int], None]
) -> tuple[DataHeader, tuple[str, ...]]:
    """Check the data as `inspect_data` does, and read every image.

    `on_read` is called with the number of files read and the number of files. Returns the header
    and remarks on the images. ConfigError names the first faulty file.
    """
    data = load_data(
        config.data_name, size=space.image_size, channels=space.in_channels, pixels=config.images
    )
    check_fit(space, data.header)
    check_divisible(data.header, config.splits, seed=config.seed)
    files = data.images
    if not isinstance(files, ImageFiles):
        return data.header, data.remarks
    remarks = check_files(files, lambda done: on_read(done, len(files)))
    return data.header, (*data.remarks, *remarks)


def check_fit(space: SearchSpace, data: DataHeader) -> None:
    """Raise ConfigError unless images and labels have the shape and the classes of `space`."""
    shape = (space.in_channels, space.image_size, space.image_size)
    for subject, needed, got in (
        ("images", shape, data.shape[1:]),
        ("number of classes", space.num_classes, data.num_classes),
    ):
        if needed != got:
            rule = f"must be {needed} for the space {space.name!r}"
            raise ConfigError(
                problem(
                    f"{data.name}: {subject}", rule, got, "Choose other data, or another space."
                )
            )


def check_warm_start(config: Study, space: SearchSpace) -> None:
    """Raise ConfigError if the study names a run in `search.seed_from` without subnets of
    `space`."""
    search = config.search
    if not search.seed_from:
        return  # without an import of Optuna
    from qnas.studies.search.genome import Genome
    from qnas.studies.search.starts import read_warm_start

    front = Path(search.seed_from) / "front.csv"
    read_warm_start(front, Genome(space, search.dsp_shares), most=1)


OWN_OPTIMIZER, OWN_SCHEDULE = "adamw", "cosine"


def check_recipe(recipe: Recipe) -> None:
    """Raise ConfigError for an optimizer, a schedule or a teacher that timm does not know.

    torch and timm are imported only for a recipe that names one of timm's.
    """
    if (recipe.optimizer, recipe.schedule) != (OWN_OPTIMIZER, OWN_SCHEDULE):
        from qnas.training.optimizing import check_optimizing

        check_optimizing(recipe)
    if recipe.teacher:
        from qnas.training.teacher import check_teacher

        check_teacher(recipe.teacher)


LIBRARIES_MIB = 95
BYTES_PER_VALUE = 5
BYTES_PER_WEIGHT = 16
BYTES_OF_AVERAGE = 4  # of a weight, with `ema_decay`
CHECKPOINTED = (
    0.61  # of the activations: 641 MiB of deit_small's step (tests/bench/supernet_step.py)
)


def training_mib(config: Study, space: SearchSpace) -> float:
    """MiB of a training process, without its images, estimated without importing torch.

    The estimate is 95 MiB of libraries, sixteen bytes per weight (value, gradient, two moments of
    AdamW), and five per image of a batch and input or output of the largest subnet's matrix
    products. Measured beside it, as the growth of the resident memory on the processor (MiB):

        space        batch  measured  estimated
        digits          64       111        111
        tiny28          64       133        134
        tiny28         256       259        247
        64 pixels       32       263        274
        64 pixels       64       419        437
        deit_small       8       961      1,276  a step without libraries and optimizer
    """
    recipe, largest = config.train, space.largest()
    products = [op for op in network_operations(largest) if isinstance(op, Gemm)]
    values = sum(op.tokens * (op.rows + op.inner) for op in products)
    per_weight = BYTES_PER_WEIGHT + (BYTES_OF_AVERAGE if recipe.ema_decay else 0)
    images = -(-recipe.batch_size // recipe.accumulate)
    kept = CHECKPOINTED if recipe.checkpoint_activations else 1.0
    total = per_weight * network_size(largest).weights + kept * BYTES_PER_VALUE * values * images
    return LIBRARIES_MIB + total / MIB


def images_mib(config: Study, header: DataHeader) -> float:
    """MiB of the images in memory: all of them as numbers, of files the search split as bytes."""
    count, channels, height, width = header.shape
    pixels = channels * height * width
    if not config.data_name.startswith("folder:"):
        return 4 * count * pixels / MIB
    searched = header.validation or config.splits.search_fraction * (count - header.held_out)
    return searched * pixels / MIB


NEAR = 0.1
GENTLE = 1e-3  # DeiT fine-tunes below it (arXiv:2012.12877); the default 3e-3 suits random weights


def recipe_remarks(config: Study) -> tuple[str, ...]:
    """A remark on each learning rate that is high for the pretrained weights that training starts
    from; none where they are calibrated and not trained."""
    if config.post_training:
        return ()
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
