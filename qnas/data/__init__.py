"""Data sets: each loader gives an ImageSet.

Entry points: `load_data` reads a data set by its name, `peek_data` reads only its headers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qnas._util.extensions import is_reference, load_reference, resolve
from qnas._util.files import expanded
from qnas.data.array_pixels import check_levels
from qnas.data.arrays import load_numpy, peek_numpy
from qnas.data.digits import load_digits, peek_digits
from qnas.data.folder import class_names, load_folder
from qnas.data.idx import load_fashion_mnist, load_idx, peek_fashion_mnist, peek_idx
from qnas.data.image_set import DataHeader, Images, ImageSet
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, QnasError, UnknownNameError, nearest, printable, problem

__all__ = [
    "DataHeader",
    "ImageSet",
    "Images",
    "PixelConfig",
    "check_data_name",
    "check_images",
    "count_classes",
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
    """A kind of data set at a path; called with path, image size, channels and [images]."""

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
    """List what `load_data` accepts: names, and kinds of paths."""
    return (*sorted(_NAMED), *(f"{kind}:PATH" for kind in sorted(_READERS)))


def check_data_name(name: str) -> None:
    """Check that `load_data` accepts `name`.

    Raises:
        UnknownNameError: It does not; the message suggests the most similar name, or says that
            there is no such folder.
    """
    if is_reference(name) or name in _NAMED or _kind(name) in _READERS:
        return
    rule, remedy = "must be a known data set", nearest(name, data_names())
    if name.endswith((".npz", ".npy")):
        remedy = f'Write "numpy:{name}" for a file of arrays. {remedy}'
    elif _is_path(name):
        remedy = f'Write "folder:{name}" for a folder of images. {remedy}'
        if not expanded(name).is_dir():
            rule, remedy = "must be a folder that exists", f"Check the path. {remedy}"
    raise UnknownNameError(problem("data", rule, repr(name), remedy))


def resolve_data(name: str, folder: Path) -> str:
    """Return `name` with its path, if it has one, made absolute relative to `folder`."""
    if is_reference(name):
        return resolve(name, folder)
    if _kind(name) in _READERS:
        kind, path = name.split(":", 1)
        return f"{kind}:{(folder / expanded(path)).resolve()}"
    return str((folder / expanded(name)).resolve()) if _is_path(name) else name


def load_data(
    name: str, *, size: int = 224, channels: int = 3, pixels: PixelConfig | None = None
) -> ImageSet:
    """Load images by name, from a path or from a user's function.

    Args:
        name: The name of a data set, a path (`folder:PATH`, `idx:PATH`, `numpy:PATH`), or a
            function that returns an ImageSet (`data.py:load`).
        size: Height and width in pixels to which files of a folder are resized.
        channels: 3 for colour, 1 for grey; files of a folder are converted.
        pixels: Conversion of pixels to numbers.

    Raises:
        UnknownNameError: The name is unknown; the message suggests the most similar one.
        ConfigError: Images, labels or the function have a fault, or images in memory are
            almost uniform in the 6-bit input.
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
    """Check that images in memory use several levels of the 6-bit input.

    Returns:
        Remarks for the user.

    Raises:
        ConfigError: The images use too few levels.
    """
    if not isinstance(found.images, np.ndarray):
        return ()
    return check_levels(found.images, found.input_step, subject=f"{found.name}: images")


def peek_data(
    name: str, *, size: int = 224, channels: int = 3, pixels: PixelConfig | None = None
) -> DataHeader | None:
    """Read in about a second what headers, names and labels say about a data set.

    Returns:
        The header; None for a function of the user's, which is not called.

    Raises:
        UnknownNameError: As `load_data`.
        ConfigError: As `load_data`, for faults that show without the images.
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


def count_classes(name: str, *, size: int, channels: int) -> int:
    """Number of classes of a data set; of a folder only the class folders are listed.

    Raises:
        UnknownNameError: As `load_data`.
        ConfigError: As `load_data`; and for a function of the user's, which is not called.
    """
    if _kind(name) == "folder" and not is_reference(name):
        return len(class_names(Path(name.split(":", 1)[1])))
    header = peek_data(name, size=size, channels=channels)
    if header is None:
        rule = "must be given for data that a Python function makes"
        raise ConfigError(problem("space.num_classes", rule, "nothing", "Add it."))
    return header.num_classes


def _unused(name: str, pixels: PixelConfig) -> tuple[str, ...]:
    """A remark if `pixels` are set but not used."""
    if _kind(name) in _READERS or pixels == PixelConfig():
        return ()
    return ("[images] is not used: these data come normalised.",)


def _kind(name: str) -> str:
    return name.split(":", 1)[0] if ":" in name else ""


def _is_path(name: str) -> bool:
    """Whether `name`, which is no known data set, looks like the path of a folder or file."""
    start = name.partition(":")[0]
    return "/" in start or start.startswith((".", "~"))


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
