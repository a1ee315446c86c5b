"""Safe opening of a user's files: regular files alone, and no more than memory can hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from qnas._util.files import open_regular
from qnas.errors import ConfigError, problem

GIB = 1 << 30


def open_data(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        ConfigError: The path is not a regular file.
    """
    try:
        return open_regular(path)
    except OSError as error:
        rule = "must be a readable, regular file"
        raise ConfigError(problem(str(path), rule, error.strerror, "Check the path.")) from None


def check_memory(subject: str, needed_bytes: int) -> None:
    """Check that data fit into memory.

    Raises:
        ConfigError: `needed_bytes` exceed this machine's memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed_bytes > memory:
        rule = f"must fit in this machine's memory, {memory / GIB:.1f} GiB, as float32"
        remedy = "Take fewer or smaller images, or lay them out as a folder of files."
        raise ConfigError(problem(subject, rule, f"{needed_bytes / GIB:.1f} GiB", remedy))
