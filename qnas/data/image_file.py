"""One image file: which formats are opened, and how each kind of pixel becomes grey or RGB bytes.

What the conversions mean is said in `docs/howto/data.md`.
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

# Others of Pillow's readers are not asked: that of PostScript starts a program.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "PPM", "GIF")
MOST_BYTES = 1 << 28
MOST_PIXELS = 89_478_485  # Pillow's own bound, a quarter of a gigabyte of RGB
MOST_ELONGATED = 100  # longer side / shorter side: resized, it would need as many times the memory
GREY16 = ("I;16", "I;16B", "I;16L", "I;16N")
DEEP = (*GREY16, "I", "F")  # modes of grey pixels of more than 8 bits
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO, SIGNED = 0, 2
LEAST_RANGE = 32  # of 256 levels, that some image of a data set uses: 8 of the 6-bit input
REMEDY = "Replace or remove it."


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What is known of a file without decoding it. `several`: more images follow the first."""

    format: str
    mode: str
    several: bool


def read_header(path: Path, pixels: PixelConfig) -> ImageHeader:
    """ConfigError if the file is none of FORMATS, too large, or of pixels that `pixels` does not
    say how to scale."""
    with _opened(path, pixels) as image:
        # A photo with another beside it (MPO) is one photo.
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        return ImageHeader(image.format or "", image.mode, several)


def decode_image(path: Path, *, channels: int, pixels: PixelConfig) -> Any:
    """The first image of the file, upright, as a PIL image: RGB for 3 `channels`, else grey.

    ConfigError naming the file if it cannot be read, or cannot be converted without loss of what
    it shows.
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
    """Between the darkest and the brightest pixel of a decoded image, in its widest channel."""
    extrema = image.getextrema()
    pairs = extrema if isinstance(extrema[0], tuple) else (extrema,)
    return int(max(high - low for low, high in pairs))


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Without Pillow's warnings, of damaged EXIF data for instance: what matters is an error here.

    Filters of warnings belong to all threads: enter it once around them.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextmanager
def _opened(path: Path, pixels: PixelConfig) -> Iterator[Any]:
    """The file as a lazy PIL image that may be decoded; whatever is wrong names the file."""
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
    """The value that becomes 255; 0.0 if nobody says."""
    if pixels.white:
        return pixels.white
    bits = 16 if image.mode in GREY16 or image.format in ("PNG", "PPM") else 0
    if image.mode == "F":
        bits = 0
    elif bits and image.format == "TIFF":
        bits = max(image.tag_v2.get(TIFF_BITS, (bits,)))  # 12 bits come in 16
    return float((1 << bits) - 1)


def _is_inverted(image: Any) -> bool:
    """Whether a TIFF's 0 is white, which Pillow sees to in 8-bit images alone."""
    return bool(image.format == "TIFF" and image.tag_v2.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO)


def _upright(image: Any) -> Any:
    """As EXIF says it was held. Damaged EXIF data say nothing."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _scaled(image: Any, white: float, path: Path, *, inverted: bool) -> Any:
    """Grey pixels 0..white as bytes."""
    from PIL import Image

    values: NDArray[np.float32] = np.asarray(image).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= white:  # of NaN as well
        rule, remedy = f"must have pixels in 0..{white:g}", "Correct it, or `white` in `[images]`."
        raise _refused(path, rule, f"{low:g}..{high:g}", remedy)
    scaled = np.rint(values * np.float32(255 / white)).astype(np.uint8)
    return Image.fromarray(255 - scaled if inverted else scaled)


def _on_background(image: Any, background: int, path: Path) -> Any:
    """RGB: what is transparent shows a grey level. ConfigError if nothing else is left to see."""
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
