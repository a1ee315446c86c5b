"""Reading of files from outside: only regular files, only up to a given size, and no more than
memory can hold."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from qnas.errors import ConfigError, problem

MIB = 1 << 20
GIB = 1 << 30


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


def expanded(path: str) -> Path:
    """`path` with the home folder in place of its ~; unchanged if there is no such user."""
    return Path(os.path.expanduser(path))


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
