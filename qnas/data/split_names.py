"""Usual names of splits, for folders, arrays and files."""

from __future__ import annotations

import re

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "t10k"), TEST),
}


def split_of(name: str) -> str:
    """Return TRAIN, VALIDATION or TEST, or "" if `name` is not a split's.

    Case, punctuation and a final "set" are ignored: `Training_Set` is TRAIN.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return _NAMES.get(plain.removesuffix("set"), "")
