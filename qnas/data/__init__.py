"""Data sets: each gives an ImageSet. Loaders are named in one table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qnas._util.user_code import is_reference, load_reference, resolve
from qnas.data.arrays import load_numpy
from qnas.data.digits import load_digits
from qnas.data.folder import load_folder
from qnas.data.idx import load_fashion_mnist, load_idx
from qnas.data.image_set import Images, ImageSet
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, UnknownNameError, nearest, problem

__all__ = ["ImageSet", "Images", "PixelConfig", "check_data_name", "data_names", "load_data"]

_NAMED = {"digits": load_digits, "fashion_mnist": load_fashion_mnist}
# Takes the path behind the colon, the size and channels that the space needs, and [images].
Reader = Callable[[Path, int, int, PixelConfig], ImageSet]
_READERS: dict[str, Reader] = {
    "folder": lambda path, size, channels, pixels: load_folder(
        path, size=size, channels=channels, pixels=pixels
    ),
    "idx": lambda path, size, channels, pixels: load_idx(path),
    "numpy": lambda path, size, channels, pixels: load_numpy(path, pixels=pixels),
}


def data_names() -> tuple[str, ...]:
    """What `load_data` answers to: names, and kinds of paths."""
    return (*sorted(_NAMED), *(f"{kind}:PATH" for kind in sorted(_READERS)))


def check_data_name(name: str) -> None:
    """UnknownNameError, naming the nearest, unless `load_data` knows what to do with `name`."""
    if is_reference(name) or name in _NAMED or _kind(name) in _READERS:
        return
    raise UnknownNameError(
        problem("data", "must be a known data set", repr(name), nearest(name, data_names()))
    )


def resolve_data(name: str, folder: Path) -> str:
    """`name` with its path, if it has one, made absolute, looked up from `folder`."""
    if _kind(name) not in _READERS or is_reference(name):
        return resolve(name, folder)
    kind, path = name.split(":", 1)
    return f"{kind}:{(folder / Path(path).expanduser()).resolve()}"


def load_data(
    name: str, *, size: int = 224, channels: int = 3, pixels: PixelConfig | None = None
) -> ImageSet:
    """The named images, those at a path (`folder:PATH`, `idx:PATH`, `numpy:PATH`), or those that a
    function of the user's returns (`data.py:load`).

    Files of a folder are resized to `size` pixels and made of `channels`; other data are as they
    are. UnknownNameError names the nearest known set; ConfigError if images, labels or the
    function are at fault.
    """
    check_data_name(name)
    if is_reference(name):
        return _from_file(name)
    if name in _NAMED:
        return _NAMED[name]()
    path = Path(name.split(":", 1)[1])
    return _READERS[_kind(name)](path, size, channels, pixels or PixelConfig())


def _kind(name: str) -> str:
    return name.split(":", 1)[0] if ":" in name else ""


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
