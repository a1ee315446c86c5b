"""Data sets: each gives an ImageSet. Loaders are named in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qnas._util.extensions import is_reference, load_reference, resolve
from qnas.data.array_pixels import check_levels
from qnas.data.arrays import load_numpy, peek_numpy
from qnas.data.digits import load_digits, peek_digits
from qnas.data.folder import load_folder
from qnas.data.header import DataHeader
from qnas.data.idx import load_fashion_mnist, load_idx, peek_fashion_mnist, peek_idx
from qnas.data.image_set import Images, ImageSet
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, QnasError, UnknownNameError, nearest, printable, problem

__all__ = [
    "DataHeader",
    "ImageSet",
    "Images",
    "PixelConfig",
    "check_data_name",
    "check_images",
    "data_names",
    "load_data",
    "peek_data",
]


@dataclass(frozen=True, slots=True)
class _Named:
    """A data set that needs no path."""

    peek: Callable[[], DataHeader]
    load: Callable[[], ImageSet]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Of the path behind the colon, for a space of a size and of channels, and [images]."""

    peek: Callable[[Path, int, int, PixelConfig], DataHeader]
    load: Callable[[Path, int, int, PixelConfig], ImageSet]


_NAMED = {
    "digits": _Named(peek_digits, load_digits),
    "fashion_mnist": _Named(peek_fashion_mnist, load_fashion_mnist),
}
_READERS = {
    "folder": _Reader(
        lambda path, size, channels, pixels: (
            load_folder(path, size=size, channels=channels, pixels=pixels).header
        ),
        lambda path, size, channels, pixels: load_folder(
            path, size=size, channels=channels, pixels=pixels
        ),
    ),
    "idx": _Reader(
        lambda path, size, channels, pixels: peek_idx(path, size=size, channels=channels),
        lambda path, size, channels, pixels: load_idx(
            path, size=size, channels=channels, pixels=pixels
        ),
    ),
    "numpy": _Reader(
        lambda path, size, channels, pixels: peek_numpy(path, size=size, channels=channels),
        lambda path, size, channels, pixels: load_numpy(
            path, size=size, channels=channels, pixels=pixels
        ),
    ),
}


def data_names() -> tuple[str, ...]:
    """What `load_data` answers to: names, and kinds of paths."""
    return (*sorted(_NAMED), *(f"{kind}:PATH" for kind in sorted(_READERS)))


def check_data_name(name: str) -> None:
    """UnknownNameError, naming the nearest, unless `load_data` knows what to do with `name`."""
    if is_reference(name) or name in _NAMED or _kind(name) in _READERS:
        return
    remedy = nearest(name, data_names())
    if name.endswith((".npz", ".npy")):
        remedy = f'Write "numpy:{name}" for a file of arrays. {remedy}'
    elif "/" in name or name.startswith("."):
        remedy = f'Write "folder:{name}" for a folder of images. {remedy}'
    raise UnknownNameError(problem("data", "must be a known data set", repr(name), remedy))


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
    function are at fault, and if images in memory show nothing in the 6-bit input.
    """
    check_data_name(name)
    pixels = pixels or PixelConfig()
    if is_reference(name):
        found = _from_file(name)
    elif name in _NAMED:
        found = _NAMED[name].load()
    else:
        path = Path(name.split(":", 1)[1])
        found = _READERS[_kind(name)].load(path, size, channels, pixels)
    remarks = (*found.remarks, *_unused(name, pixels))
    return replace(found, remarks=(*remarks, *check_images(found)))


def check_images(found: ImageSet) -> tuple[str, ...]:
    """Sentences on images in memory; ConfigError if these show nothing in the 6-bit input."""
    if not isinstance(found.images, np.ndarray):
        return ()
    return check_levels(found.images, found.input_step, subject=f"{found.name}: images")


def peek_data(
    name: str, *, size: int = 224, channels: int = 3, pixels: PixelConfig | None = None
) -> DataHeader | None:
    """What can be known of the data in about a second: headers, names, labels. None of what a
    function of the user's will return, which is not called.

    Raises as `load_data`, as far as that is told by so much.
    """
    check_data_name(name)
    pixels = pixels or PixelConfig()
    pixels.statistics(channels)
    if is_reference(name):
        _loader(name)
        return None
    if name in _NAMED:
        found = _NAMED[name].peek()
    else:
        path = Path(name.split(":", 1)[1])
        found = _READERS[_kind(name)].peek(path, size, channels, pixels)
    return replace(found, remarks=(*found.remarks, *_unused(name, pixels)))


def _unused(name: str, pixels: PixelConfig) -> tuple[str, ...]:
    """A sentence if `pixels` were set for nothing."""
    if _kind(name) in _READERS or pixels == PixelConfig():
        return ()
    return ("[images] is not used: these data come normalised.",)


def _kind(name: str) -> str:
    return name.split(":", 1)[0] if ":" in name else ""


def _loader(reference: str) -> Callable[[], object]:
    loader = load_reference(reference, subject="data")
    if not callable(loader):
        rule = "must be a function that returns an ImageSet"
        raise ConfigError(problem("data", rule, f"{reference}: {loader!r:.80}", "Write one."))
    found: Callable[[], object] = loader
    return found


def _from_file(reference: str) -> ImageSet:
    loader = _loader(reference)
    try:
        images = loader()
    except QnasError as error:
        raise ConfigError(f"{printable(reference)}: {error}") from error
    except (Exception, SystemExit) as error:
        value = f"{reference}: {type(error).__name__}: {error}"
        raise ConfigError(problem("data", "must load", value, "Correct that function.")) from error
    if not isinstance(images, ImageSet):
        rule = "must be a function that returns an ImageSet"
        raise ConfigError(problem("data", rule, f"{reference}: {images!r:.80}", "Write one."))
    return images
