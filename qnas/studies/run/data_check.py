"""Checks, before anything else, that a study's data exist and match its space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qnas.data import DataHeader, check_images, load_data, peek_data
from qnas.data.file_check import check_files
from qnas.data.files import ImageFiles
from qnas.data.given import GivenImages
from qnas.data.image_set import ImageSet
from qnas.data.splits import check_divisible
from qnas.errors import ConfigError, problem
from qnas.space import SearchSpace
from qnas.studies.config import Study

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
    from qnas.studies.search.warm_start import read_warm_start

    front = Path(search.seed_from) / "front.csv"
    read_warm_start(front, Genome(space, search.dsp_shares), most=1)
