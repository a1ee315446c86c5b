"""Names that data sets give to their splits, of folders, of arrays and of files."""

from __future__ import annotations

import re

TRAIN, VALIDATION, TEST = "train", "validation", "test"
_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "t10k"), TEST),
}


def split_of(name: str) -> str:
    """TRAIN, VALIDATION or TEST; "" if `name` is none's. Case, signs and a final "set" are not
    part of a name: `Training_Set` is TRAIN."""
    plain = re.sub(r"[^a-z0-9]", "", name.casefold())
    return _NAMES.get(plain.removesuffix("set"), "")
