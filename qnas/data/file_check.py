"""Check of all files of a data set by decoding them, before anything depends on them."""

from __future__ import annotations

from collections.abc import Callable

from qnas.data.files import ImageFiles
from qnas.data.image_file import LEAST_RANGE, level_range
from qnas.errors import ConfigError, printable, problem

NAMED = 4


def check_files(files: ImageFiles, on_read: Callable[[int], None]) -> tuple[str, ...]:
    """Decode every file.

    Args:
        files: The files.
        on_read: Called with the number of files read so far.

    Returns:
        Remarks about uniform images.

    Raises:
        ConfigError: Files cannot be decoded or converted (the message explains the first and names
            some others), or no image uses LEAST_RANGE levels.
    """
    faults: list[tuple[int, ConfigError]] = []
    widest = uniform = 0
    for index, found in enumerate(files.each(range(len(files)), lambda i: _look(files, i))):
        if isinstance(found, ConfigError):
            faults.append((index, found))
        else:
            widest, uniform = max(widest, found), uniform + (found == 0)
        on_read(index + 1)
    if faults:
        raise ConfigError(f"{faults[0][1]}{_others(files, [index for index, _ in faults[1:]])}")
    if widest < LEAST_RANGE:
        rule = f"must hold an image that uses {LEAST_RANGE} of 256 levels"
        remedy = "If pixels have more than 8 bits, write the value of white as `white` in [images]."
        raise ConfigError(problem(str(files.root), rule, f"{widest + 1} at most", remedy))
    if uniform:
        return (f"{uniform:,} of {len(files):,} images are of one value throughout.",)
    return ()


def _look(files: ImageFiles, index: int) -> ConfigError | int:
    """The error of a file, or the number of levels that it spans."""
    try:
        return level_range(files.decode(index))
    except ConfigError as error:
        return error


def _others(files: ImageFiles, indices: list[int]) -> str:
    if not indices:
        return ""
    names = ", ".join(printable(files.names[index]) for index in indices[:NAMED])
    return f" {len(indices):,} more cannot be read: {names}{', ...' * (len(indices) > NAMED)}"
