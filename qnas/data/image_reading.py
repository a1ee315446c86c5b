"""One image file to pixels: formats, grey or RGB bytes, size and crop, with Pillow and NumPy alone.

An exported project holds this very file as `host/image_reading.py`, so that a board reads images as
the training did; it therefore imports nothing of qnas. `docs/howto/data.md` explains what is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".webp"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".gif"),
)
# Pillow's other readers are excluded; the one of PostScript starts a program.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "PPM", "GIF")
MOST_PIXELS = 89_478_485  # Pillow's own bound, a quarter of a gigabyte of RGB
MOST_ELONGATED = 100  # longest ratio of sides: a resized image needs that many times the memory
GREY16 = ("I;16", "I;16B", "I;16L", "I;16N")
DEEP = (*GREY16, "I", "F")  # modes of grey pixels of more than 8 bits
TIFF_BITS, TIFF_PHOTOMETRIC, TIFF_SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO, SIGNED = 0, 2
REMEDY = "Replace or remove it."


class ImageError(ValueError):
    """A file that is no image, or none that can be converted without losing its content.

    Attributes:
        rule: What must hold.
        value: What was found instead.
        remedy: What to do.
    """

    def __init__(self, rule: str, value: str, remedy: str = REMEDY) -> None:
        super().__init__(f"{rule}; got {value}. {remedy}")
        self.rule, self.value, self.remedy = rule, value, remedy


@contextmanager
def opened_image(file: BinaryIO, *, white: float) -> Iterator[Any]:
    """Open a file as a lazy PIL image, whose header is checked.

    Args:
        file: An open file.
        white: Value that becomes 255 in pixels of more than 8 bits; 0 for the format's own.

    Raises:
        ImageError: Here or while the image is decoded: the format is not in FORMATS, the image is
            too large or damaged, or nothing says how to scale its pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=FORMATS) as image:
            _check(image, white)
            yield image
    except ImageError:
        raise
    except UnidentifiedImageError:
        rule = f"must be a readable image ({', '.join(FORMATS)})"
        raise ImageError(rule, "none that Pillow reads") from None
    except Exception as error:  # Pillow's readers raise a dozen kinds on damaged files
        reason = str(error) or type(error).__name__
        raise ImageError("must be a readable image", reason) from None


def plain_image(image: Any, *, channels: int, white: float, background: int) -> Any:
    """Decode an opened image, upright, to a PIL image: RGB for 3 `channels`, else grey.

    Args:
        image: A PIL image, as `opened_image` gives it.
        channels: 1 or 3.
        white: As for `opened_image`.
        background: Grey level behind transparent pixels.

    Raises:
        ImageError: A pixel exceeds white, or nothing shows on the background.
    """
    image.load()
    scale = _white(image, white) if image.mode in DEEP else 0.0
    upright = _upright(image)
    if scale:
        plain = _scaled(upright, scale, inverted=_is_inverted(image))
    elif upright.has_transparency_data:
        plain = _on_background(upright, background)
    else:
        plain = upright
    if channels == 3 or plain.mode not in ("1", "L"):
        plain = plain.convert("RGB")
    return plain if channels == 3 else plain.convert("L")


def centre_of(image: Any, *, size: int, shorter_side: int, interpolation: str) -> NDArray[np.uint8]:
    """Resize an RGB or grey PIL image and crop it to its centre.

    Args:
        image: A PIL image of any size.
        size: Height and width of the result.
        shorter_side: Length to which the image's shorter side is resized.
        interpolation: "bicubic" or "bilinear".

    Returns:
        (C, size, size), 0..255.
    """
    from PIL import Image

    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    scale = shorter_side / min(image.size)
    if scale != 1:
        width, height = (max(shorter_side, round(side * scale)) for side in image.size)
        # Pillow rounds to bytes between the two directions, and from version 13 on takes some
        # images' columns first: each in a call of its own gives the same integers everywhere.
        for shape in ((width, image.height), (width, height)):
            image = image.resize(shape, filters[interpolation])
    left, top = ((side - size) // 2 for side in image.size)
    image = image.crop((left, top, left + size, top + size))
    values: NDArray[np.uint8] = np.asarray(image, dtype=np.uint8).reshape(size, size, -1)
    return values.transpose(2, 0, 1)


def normalised(
    pixels: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]
) -> NDArray[np.float32]:
    """Convert (n, C, H, W) of 0..255 to float32: (p / 255 - mean) / std, a mean a channel."""
    middle, spread = (np.array(values, np.float32)[:, None, None] for values in (mean, std))
    scaled = pixels.astype(np.float32)
    scaled *= 1 / (np.float32(255) * spread)
    scaled -= middle / spread
    return scaled


def _check(image: Any, white: float) -> None:
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
            not deep or _white(image, white) > 0,
            "must say which value is white: 32-bit and floating-point pixels do not",
            f"pixels of mode {image.mode}",
            'Write it as `white` under `[images]`, for instance "white = 1.0".',
        ),
        (
            not (deep_colour and white),
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
            raise ImageError(rule, value, remedy)


def _white(image: Any, white: float) -> float:
    """The value that becomes 255; 0.0 if it is not known."""
    if white:
        return white
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


def _scaled(image: Any, white: float, *, inverted: bool) -> Any:
    """Scale grey pixels 0..white to bytes."""
    from PIL import Image

    values: NDArray[np.float32] = np.asarray(image).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not 0 <= low <= high <= white:  # true for NaN as well
        rule, remedy = f"must have pixels in 0..{white:g}", "Correct it, or `white` in `[images]`."
        raise ImageError(rule, f"{low:g}..{high:g}", remedy)
    scaled = np.rint(values * np.float32(255 / white)).astype(np.uint8)
    return Image.fromarray(255 - scaled if inverted else scaled)


def _on_background(image: Any, background: int) -> Any:
    """Convert to RGB with a grey background behind transparent pixels."""
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
        raise ImageError(rule, f"one level throughout, alpha {alpha.min()}..{alpha.max()}", remedy)
    return flat
