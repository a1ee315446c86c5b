"""Data sets: each gives an ImageSet. Loaders are named in one table."""

from __future__ import annotations

from qnas.data.digits import load_digits
from qnas.data.idx import load_fashion_mnist
from qnas.data.image_set import ImageSet
from qnas.errors import ConfigError, UnknownNameError, nearest, problem
from qnas.user_code import is_reference, load_reference

__all__ = ["ImageSet", "data_names", "load_data"]

_LOADERS = {"digits": load_digits, "fashion_mnist": load_fashion_mnist}


def data_names() -> tuple[str, ...]:
    """Names that `load_data` answers to."""
    return tuple(sorted(_LOADERS))


def load_data(name: str) -> ImageSet:
    """The named images, or those that a function of the user's returns (`data.py:load`).

    UnknownNameError names the nearest known set; ConfigError if the function fails.
    """
    if is_reference(name):
        return _from_file(name)
    if name not in _LOADERS:
        raise UnknownNameError(
            problem("data", "must be a known data set", repr(name), nearest(name, _LOADERS))
        )
    return _LOADERS[name]()


def _from_file(reference: str) -> ImageSet:
    loader = load_reference(reference, subject="data")
    try:
        images = loader() if callable(loader) else loader
    except Exception as error:
        raise ConfigError(
            problem("data", "must load", f"{reference}: {error}", "Correct that function.")
        ) from error
    if not callable(loader) or not isinstance(images, ImageSet):
        rule = "must be a function that returns an ImageSet"
        raise ConfigError(problem("data", rule, f"{reference}: {images!r:.80}", "Write one."))
    return images
