"""Reading of files from outside: only regular files, and only up to a given size."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MIB = 1 << 20


def open_regular(path: Path) -> BinaryIO:
    """Open `path` for reading; OSError unless it is a regular file.

    Reading a FIFO could wait for ever, and reading a device could never end.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return os.fdopen(handle, "rb")


def read_text(path: Path, *, most_mib: int) -> str:
    """Read the UTF-8 text of a regular file.

    Raises OSError for other kinds of files and for more than `most_mib` MiB, ValueError for bytes
    that are not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(most_mib * MIB + 1)
    if len(content) > most_mib * MIB:
        raise OSError(errno.EFBIG, f"Larger than {most_mib} MiB", str(path))
    return content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
