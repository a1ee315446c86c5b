"""One image file of a data set: its header and its pixels; the errors name the file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.files import open_data
from qnas.data.image_reading import ImageError, opened_image, plain_image
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem

MOST_BYTES = 1 << 28
LEAST_RANGE = 32  # of 256 levels: some image of a data set must use 8 levels of the 6-bit input


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Facts about a file that are known without decoding it.

    `several` is true if more images follow the first; `width` and `height` are in pixels.
    """

    format: str
    mode: str
    several: bool
    width: int = 0
    height: int = 0


def read_header(path: Path, pixels: PixelConfig) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        ConfigError: The format is not read, the image is too large, or `pixels` does not say how to
            scale its pixels.
    """
    with _opened(path, pixels) as image:
        # A photo that embeds another (MPO) counts as one photo.
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        return ImageHeader(image.format or "", image.mode, several, *image.size)


def decode_image(path: Path, *, channels: int, pixels: PixelConfig) -> Any:
    """Decode the first image of a file, upright, to a PIL image: RGB for 3 `channels`, else grey.

    Raises:
        ConfigError: The file cannot be read, or not converted without losing its content.
    """
    with _opened(path, pixels) as image:
        return plain_image(
            image, channels=channels, white=pixels.white, background=pixels.background
        )


def level_range(image: Any) -> int:
    """Difference between the brightest and the darkest pixel, in the widest channel."""
    extrema = image.getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return int(max(high - low for low, high in pairs))


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings, for example of damaged EXIF data; real faults are errors here.

    Filters of warnings are shared by all threads: enter the context once, around all of them.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextmanager
def _opened(path: Path, pixels: PixelConfig) -> Iterator[Any]:
    """Open a file as a lazy PIL image; errors while decoding name the file."""
    with open_data(path) as file:
        try:
            if (size := path.stat().st_size) > MOST_BYTES:
                raise ImageError(f"must have at most {MOST_BYTES:,} bytes", f"{size:,}")
            with opened_image(file, white=pixels.white) as image:
                yield image
        except ImageError as error:
            said = (error.rule, error.value, error.remedy)
            raise ConfigError(problem(str(path), *said)) from None
