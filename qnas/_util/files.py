"""Reading of files that others made: regular ones alone, and of a bounded size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20


def open_regular(path: Path) -> BinaryIO:
    """`path`, to read. OSError unless it is a regular file: a FIFO would wait for ever, a device
    may give bytes without end."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_text(path: Path, *, most_mib: int) -> str:
    """The UTF-8 text of a regular file. OSError for others, and beyond `most_mib`; ValueError for
    bytes that are no UTF-8."""
    with open_regular(path) as file:
        content = file.read(most_mib * MIB + 1)
    if len(content) > most_mib * MIB:
        raise OSError(errno.EFBIG, f"Larger than {most_mib} MiB", str(path))
    return content.decode("utf-8-sig")  # as some editors begin a file
