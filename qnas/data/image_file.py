"""One image file: the formats that are read, and the conversion of pixels to grey or RGB bytes.

`docs/howto/data.md` explains the conversions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.data.opening import open_data
from qnas.data.pixels import PixelConfig
from qnas.errors import ConfigError, problem

# Pillow's other readers are excluded; the one of PostScript starts a program.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "PPM", "GIF")
MOST_BYTES = 1 << 28
MOST_PIXELS = 89_478_485  # Pillow's own bound, a quarter of a gigabyte of RGB
MOST_ELONGATED = 100  # longest ratio of sides: a resized image needs that many times the memory
GREY16 = ("I;16", "I;16B", "I;16L", "I;16N")
DEEP = (*GREY16, "I", "F")  # modes of grey pixels of more than 8 bits
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO, SIGNED = 0, 2
LEAST_RANGE = 32  # of 256 levels: some image of a data set must use 8 levels of the 6-bit input
REMEDY = "Replace or remove it."


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Facts about a file that are known without decoding it.

    `several` is true if more images follow the first.
    """

    format: str
    mode: str
    several: bool


def read_header(path: Path, pixels: PixelConfig) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        ConfigError: The format is not in FORMATS, the image is too large, or `pixels` does not say
            how to scale its pixels.
    """
    with _opened(path, pixels) as image:
        # A photo that embeds another (MPO) counts as one photo.
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        return ImageHeader(image.format or "", image.mode, several)


def decode_image(path: Path, *, channels: int, pixels: PixelConfig) -> Any:
    """Decode the first image of a file, upright, to a PIL image: RGB for 3 `channels`, else grey.

    Raises:
        ConfigError: The file cannot be read, or not converted without losing its content.
    """
    with _opened(path, pixels) as image:
        image.load()
        white = _white(image, pixels) if image.mode in DEEP else 0.0
        upright = _upright(image)
        if white:
            plain = _scaled(upright, white, path, inverted=_is_inverted(image))
        elif upright.has_transparency_data:
            plain = _on_background(upright, pixels.background, path)
        else:
            plain = upright
        if channels == 3 or plain.mode not in ("1", "L"):
            plain = plain.convert("RGB")
        return plain if channels == 3 else plain.convert("L")


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
    from PIL import Image, UnidentifiedImageError

    with open_data(path) as file:
        try:
            if (size := path.stat().st_size) > MOST_BYTES:
                raise _refused(path, f"must have at most {MOST_BYTES:,} bytes", f"{size:,}")
            with Image.open(file, formats=FORMATS) as image:
                _check(image, path, pixels)
                yield image
        except ConfigError:
            raise
        except UnidentifiedImageError:
            rule = f"must be a readable image ({', '.join(FORMATS)})"
            raise _refused(path, rule, "none that Pillow reads") from None
        except Exception as error:  # Pillow's readers raise a dozen kinds on damaged files
            reason = str(error) or type(error).__name__
            raise _refused(path, "must be a readable image", reason) from None


def _check(image: Any, path: Path, pixels: PixelConfig) -> None:
    width, height = image.size
    size, deep = f"{width:,} x {height:,}", image.mode in DEEP
    deep_colour = ";16" in str(image.tile) and not deep
    signed = image.format == "TIFF" and SIGNED in image.tag_v2.get(TIFF_SAMPLE_FORMAT, ())
    least, most = sorted(image.size)
    for holds, rule, value, remedy in (
        (
            width * height <= MOST_PIXELS,
            f"must have at most {MOST_PIXELS:,} pixels",
            *(size, REMEDY),
        ),
        (
            most <= MOST_ELONGATED * least,
            f"must be at most {MOST_ELONGATED} times as long as wide",
            *(size, REMEDY),
        ),
        (
            not deep or _white(image, pixels) > 0,
            "must say which value is white: 32-bit and floating-point pixels do not",
            f"pixels of mode {image.mode}",
            'Write it as `white` under `[images]`, for instance "white = 1.0".',
        ),
        (
            not (deep_colour and pixels.white),
            "must be grey, or 8-bit, where `white` under `[images]` scales its pixels",
            *("16-bit colour", "Convert it, or leave `white` out."),
        ),
        (
            not ("transparency" in image.info and (deep or deep_colour)),
            "must be of 8 bits if one of its values is transparent",
            *("16 bits", "Convert it to 8 bits."),
        ),
        (
            deep or not signed,
            "must have pixels without a sign",
            *("signed bytes", "Convert it to unsigned ones."),
        ),
    ):
        if not holds:
            raise _refused(path, rule, value, remedy)


def _refused(path: Path, rule: str, value: str, remedy: str = REMEDY) -> ConfigError:
    return ConfigError(problem(str(path), rule, value, remedy))


def _white(image: Any, pixels: PixelConfig) -> float:
    """The value that becomes 255; 0.0 if it is not known."""
    if pixels.white:
        return pixels.white
    bits = 16 if image.mode in GREY16 or image.format in ("PNG", "PPM") else 0
    if image.mode == "F":
        bits = 0
    elif bits and image.format == "TIFF":
        bits = max(image.tag_v2.get(TIFF_BITS, (bits,)))  # 12-bit pixels are stored in 16 bits
    return float((1 << bits) - 1)


def _is_inverted(image: Any) -> bool:
    """Whether 0 is white in a TIFF; Pillow handles that in 8-bit images alone."""
    return bool(image.format == "TIFF" and image.tag_v2.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO)


def _upright(image: Any) -> Any:
    """Rotate the image as its EXIF data say; damaged EXIF data are ignored."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _scaled(image: Any, white: float, path: Path, *, inverted: bool) -> Any:
    """Scale grey pixels 0..white to bytes."""
    from PIL import Image

    values: NDArray[np.float32] = np.asarray(image).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= white:  # true for NaN as well
        rule, remedy = f"must have pixels in 0..{white:g}", "Correct it, or `white` in `[images]`."
        raise _refused(path, rule, f"{low:g}..{high:g}", remedy)
    scaled = np.rint(values * np.float32(255 / white)).astype(np.uint8)
    return Image.fromarray(255 - scaled if inverted else scaled)


def _on_background(image: Any, background: int, path: Path) -> Any:
    """Convert to RGB with a grey background behind transparent pixels.

    Raises:
        ConfigError: The result is uniform.
    """
    from PIL import Image

    rgba = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, (background,) * 3 + (255,))
    flat = Image.alpha_composite(ground, rgba).convert("RGB")
    alpha = np.asarray(rgba.getchannel("A"))
    if alpha.min() < 255 and np.ptp(np.asarray(flat), axis=(0, 1)).max() == 0:
        rule = f"must show something on a background of {background}"
        other = 255 - background if background in (0, 255) else 0
        remedy = f"Set `background = {other}` under `[images]`, or remove the file."
        if not alpha.any():
            remedy = REMEDY
        value = f"one level throughout, alpha {alpha.min()}..{alpha.max()}"
        raise _refused(path, rule, value, remedy)
    return flat
