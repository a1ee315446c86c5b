"""Decode every file of a data set, before something depends on it."""

from __future__ import annotations

from collections.abc import Callable

from qnas.data.files import ImageFiles
from qnas.errors import ConfigError, printable, problem

NAMED = 4


def check_files(files: ImageFiles, on_read: Callable[[int], None]) -> tuple[str, ...]:
    """Sentences about images of one value throughout. `on_read` is told how many are done.

    ConfigError for files that cannot be decoded or converted: what is wrong with the first, and
    the names of some others.
    """
    faults: list[tuple[int, ConfigError]] = []
    uniform = 0
    for index, found in enumerate(files.each(range(len(files)), lambda i: _look(files, i))):
        if isinstance(found, ConfigError):
            faults.append((index, found))
        else:
            uniform += found
        on_read(index + 1)
    if faults:
        raise ConfigError(f"{faults[0][1]}{_others(files, [index for index, _ in faults[1:]])}")
    if uniform == len(files):
        rule = "must not be of one value throughout, every one"
        raise ConfigError(problem(str(files.root), rule, f"{uniform} images", "Correct the data."))
    if uniform:
        return (f"{uniform:,} of {len(files):,} images are of one value throughout.",)
    return ()


def _look(files: ImageFiles, index: int) -> ConfigError | bool:
    """What is wrong with a file, or whether all its pixels are the same."""
    try:
        image = files.decode(index)
    except ConfigError as error:
        return error
    extrema = image.getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return all(low == high for low, high in pairs)


def _others(files: ImageFiles, indices: list[int]) -> str:
    if not indices:
        return ""
    names = ", ".join(printable(files.names[index]) for index in indices[:NAMED])
    return f" {len(indices):,} more cannot be read: {names}{', ...' * (len(indices) > NAMED)}"
