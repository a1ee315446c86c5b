"""Whether what a study reads is there and suits its space: before anything else."""

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

FOLDER = "folder:"  # data that are augmented as files


def inspect_data(config: Study, space: SearchSpace) -> DataHeader | None:
    """What headers, names and labels tell, in about a second; None of data that a function of the
    user's makes, which is not called.

    ConfigError for data that cannot be read, as far as that is seen, that are not for `space`,
    that the study's splits do not divide, or that its augmentation is not for.
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
        return None  # of a run that is there: they were looked at when it began
    if isinstance(config.data, ImageSet):
        remarks = (*config.data.remarks, *check_images(config.data))
        return replace(config.data.header, remarks=remarks)
    size, channels = space.image_size, space.in_channels
    return peek_data(config.data_name, size=size, channels=channels, pixels=config.images)


def read_data(
    config: Study, space: SearchSpace, on_read: Callable[[int, int], None]
) -> tuple[DataHeader, tuple[str, ...]]:
    """`inspect_data` with every image read; `on_read` is told how many of how many files are.

    Returns sentences on the images beside. ConfigError names the first file at fault.
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
    """ConfigError unless the images are of the shape, and the labels of the classes, of `space`."""
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
    """ConfigError unless the run that `search.seed_from` names, if any, has subnets of `space`."""
    search = config.search
    if not search.seed_from:
        return  # without an import of Optuna
    from qnas.studies.search.genome import Genome
    from qnas.studies.search.warm_start import read_warm_start

    front = Path(search.seed_from) / "front.csv"
    read_warm_start(front, Genome(space, search.dsp_shares), most=1)
