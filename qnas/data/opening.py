"""Opening of files that others made: regular ones alone, and no more than memory holds."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from qnas.errors import ConfigError, problem

GIB = 1 << 30


def open_regular(path: Path) -> BinaryIO:
    """`path`, to read. ConfigError unless it is a regular file: a FIFO would wait for ever, a
    device may give bytes without end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        rule = "must be a readable file"
        raise ConfigError(problem(str(path), rule, error.strerror, "Check the path.")) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        rule, value = "must be a regular file", "a folder, pipe or device"
        raise ConfigError(problem(str(path), rule, value, "Check the path."))
    return os.fdopen(handle, "rb")


def check_memory(subject: str, needed_bytes: int) -> None:
    """ConfigError if `needed_bytes` are more than this machine's memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed_bytes > memory:
        rule = f"must fit in this machine's memory, {memory / GIB:.1f} GiB, as float32"
        remedy = "Take fewer or smaller images, or lay them out as a folder of files."
        raise ConfigError(problem(subject, rule, f"{needed_bytes / GIB:.1f} GiB", remedy))
