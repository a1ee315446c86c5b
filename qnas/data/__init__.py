"""Data sets: each gives an ImageSet. Loaders are named in one table."""

from __future__ import annotations

from qnas.data.digits import load_digits
from qnas.data.image_set import ImageSet
from qnas.errors import UnknownNameError, nearest, problem

__all__ = ["ImageSet", "data_names", "load_data"]

_LOADERS = {"digits": load_digits}


def data_names() -> tuple[str, ...]:
    """Names that `load_data` answers to."""
    return tuple(sorted(_LOADERS))


def load_data(name: str) -> ImageSet:
    """The named images; UnknownNameError names the nearest known set."""
    if name not in _LOADERS:
        raise UnknownNameError(
            problem("data", "must be a known data set", repr(name), nearest(name, _LOADERS))
        )
    return _LOADERS[name]()
