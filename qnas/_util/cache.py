"""Where compiled helpers are kept between runs; everything in it can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """`$XDG_CACHE_HOME/qnas`, by default `~/.cache/qnas`. It need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qnas"
