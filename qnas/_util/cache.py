"""The cache of compiled helpers. Every file in it can be made again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from qnas._util.serialization import write_atomically

DIGEST_BYTES = hashlib.sha256().digest_size


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/qnas`, by default `~/.cache/qnas`. It need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qnas"


def kept(path: Path, make: Callable[[Path], object]) -> bytes:
    """Return the content of the cache file `path`; `make(path)` writes it if it is missing.

    The file ends with the SHA-256 of the content, so that a truncated or damaged file is made
    again. If the cache cannot be written, the content is made again each time.
    """
    content = _checked(path)
    if content is None:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / path.name
            make(made)
            content = made.read_bytes()
        with suppress(OSError):
            write_atomically(path, content + hashlib.sha256(content).digest())
    return content


def _checked(path: Path) -> bytes | None:
    """The content of the cache file `path`; None if it is absent or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    content, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None
