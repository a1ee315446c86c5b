"""Files of every kind of pixel: what they become, and which are refused."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from qnas.data import PixelConfig
from qnas.data.image_file import decode_image, quiet_pillow, read_header
from qnas.data.image_reading import MOST_PIXELS
from qnas.errors import ConfigError

RAMP = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(8, 8)
COLOUR = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=-1)
ALPHA = np.where(np.arange(64).reshape(8, 8) % 3, 255, 0).astype(np.uint8)


def decoded(path: Path, channels: int = 3, **pixels: Any) -> np.ndarray:
    config = PixelConfig(**pixels)
    with quiet_pillow():
        read_header(path, config)
        return np.asarray(decode_image(path, channels=channels, pixels=config)).astype(int)


def png16(values: np.ndarray, *more: bytes) -> bytes:
    """A PNG of 16 bits, with `more` chunks: Pillow writes grey ones alone."""
    height, width = values.shape[:2]
    kind = 0 if values.ndim == 2 else {2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = (
        (b"IHDR", struct.pack(">2I5B", width, height, 16, kind, 0, 0, 0)),
        *((chunk[:4], chunk[4:]) for chunk in more),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def saved(path: Path, image: Any, kind: str = "PNG", **options: Any) -> Path:
    image.save(path, kind, **options)
    return path


def tiff(values: np.ndarray, bits: int, *, kind: int = 1, photometric: int = 1) -> bytes:
    """An uncompressed grey TIFF; `kind` 1: unsigned, 2: signed, 3: floating point."""
    data, (height, width) = values.tobytes(), RAMP.shape
    entries = (
        *((256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric)),
        *((273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data)), (339, 3, kind)),
    )
    table = b"".join(
        struct.pack("<HHI", tag, size, 1) + struct.pack("<I", value) for tag, size, value in entries
    )
    start = 8 + len(data)
    return (
        struct.pack("<2sHI", b"II", 42, start)
        + data
        + struct.pack("<H", len(entries))
        + table
        + struct.pack("<I", 0)
    )


# RAMP in 64 numbers of 12 bits, one behind the other.
PACKED12 = np.frombuffer(
    int("".join(f"{value * 4095 // 255:012b}" for value in RAMP.ravel().tolist()), 2).to_bytes(96),
    np.uint8,
)


def grey16(scale: int = 257) -> np.ndarray:
    return RAMP.astype(np.uint16) * scale


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("16-bit PNG", png16(grey16()), {}),
        ("16-bit TIFF", tiff(grey16(), 16), {}),
        ("16-bit TIFF whose 0 is white", tiff(65535 - grey16(), 16, photometric=0), {}),
        ("16-bit PGM", b"P5 8 8 65535 " + grey16().astype(">u2").tobytes(), {}),
        (
            "12-bit PGM",
            b"P5 8 8 4095 " + (RAMP.astype(int) * 4095 // 255).astype(">u2").tobytes(),
            {},
        ),
        ("12 bits in a PNG", png16(grey16(16)), {"white": 255 * 16}),
        ("12 bits in a TIFF", tiff(grey16(16), 16), {"white": 255 * 16}),
        ("32-bit TIFF", tiff(RAMP.astype(np.int32) * 1000, 32, kind=2), {"white": 255_000}),
        ("12 packed bits in a TIFF", tiff(PACKED12, 12), {}),
        ("floating-point TIFF", tiff(RAMP.astype(np.float32) / 255, 32, kind=3), {"white": 1.0}),
        ("floating-point bytes", tiff(RAMP.astype(np.float32), 32, kind=3), {"white": 255}),
        ("8-bit TIFF whose 0 is white", tiff(255 - RAMP, 8, photometric=0), {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_deep_grey_is_scaled(
    tmp_path: Path, name: str, content: bytes, options: dict[str, float]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert np.abs(decoded(path, 1, **options) - RAMP).max() <= 1
    assert np.abs(decoded(path, 3, **options) - RAMP[..., None]).max() <= 1


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colour_is_scaled(tmp_path: Path, channels: int) -> None:
    full = np.concatenate([COLOUR, np.full((8, 8, 1), 255, np.uint8)], axis=-1)
    shown = full[..., [0, 3]] if channels == 2 else full[..., :channels]
    (tmp_path / "x").write_bytes(png16(shown.astype(np.uint16) * 257))
    wanted = COLOUR if channels > 2 else COLOUR[..., :1]
    assert np.abs(decoded(tmp_path / "x") - wanted).max() <= 1


def on(background: int, colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    share = alpha[..., None] / 255
    return np.rint(colour * share + background * (1 - share))


def transparent(mode: str) -> Any:
    """COLOUR or RAMP, of which ALPHA lets see."""
    rgba = Image.fromarray(np.concatenate([COLOUR, ALPHA[..., None]], axis=-1))
    if mode == "RGBA":
        return rgba
    if mode == "LA":
        return Image.fromarray(np.stack([RAMP, ALPHA], axis=-1))
    return rgba.quantize(255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("background", [255, 0, 128])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_is_transparent_shows_the_background(
    tmp_path: Path, mode: str, background: int, kind: str
) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    path = saved(tmp_path / "x", transparent(mode), kind, **options)
    colour = RAMP[..., None] if mode == "LA" else COLOUR
    wanted = on(background, colour, ALPHA)
    assert np.abs(decoded(path, background=background) - wanted).max() <= 6 * (mode == "P") + 1


def test_a_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("P")
    image.putpalette([value for i in range(256) for value in (i, 200, 10)])
    for kind in ("PNG", "GIF"):
        found = decoded(saved(tmp_path / kind, image, kind, transparency=5))
        assert found[0, 5].tolist() == [255] * 3 and found[0, 6].tolist() == [6, 200, 10]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transparent_colour(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RAMP).convert(mode)
    key = int(RAMP[0, 3]) if mode == "L" else (int(RAMP[0, 3]),) * 3
    found = decoded(saved(tmp_path / "x", image, transparency=key))
    assert found[0, 3].tolist() == [255] * 3 and found[0, 4].tolist() == [RAMP[0, 4]] * 3


def logo(shade: int) -> Any:
    """A shape that is in the alpha channel alone."""
    return Image.fromarray(np.stack([np.full_like(ALPHA, shade)] * 3 + [ALPHA], axis=-1))


def test_black_logos_are_seen_on_white_and_white_ones_on_black(tmp_path: Path) -> None:
    black, white = saved(tmp_path / "b", logo(0)), saved(tmp_path / "w", logo(255))
    np.testing.assert_array_equal(decoded(black)[..., 0], 255 - ALPHA)
    np.testing.assert_array_equal(decoded(white, background=0)[..., 0], ALPHA)
    for path, background, other in ((black, 0, 255), (white, 255, 0)):
        with pytest.raises(
            ConfigError, match=rf"{path}` must show something.*background = {other}"
        ):
            decoded(path, background=background)


@pytest.mark.parametrize(
    ("mode", "kind", "far"),
    [
        ("1", "PNG", 0),
        ("L", "PNG", 0),
        ("P", "GIF", 30),
        ("P", "PNG", 30),
        ("RGB", "BMP", 0),
        ("RGB", "TIFF", 0),
        ("RGB", "PPM", 0),
        ("CMYK", "TIFF", 1),
        ("CMYK", "JPEG", 30),
        ("YCbCr", "TIFF", 3),
        ("YCbCr", "JPEG", 30),
        ("LAB", "TIFF", 30),
    ],
)
def test_every_kind_of_colour(tmp_path: Path, mode: str, kind: str, far: int) -> None:
    smooth = np.repeat(np.repeat(COLOUR, 8, axis=0), 8, axis=1)
    source = Image.fromarray(smooth)
    if mode == "LAB":
        from PIL import ImageCms

        srgb, lab = (ImageCms.createProfile(name) for name in ("sRGB", "LAB"))  # type: ignore[arg-type]
        image: Any = ImageCms.profileToProfile(source, srgb, lab, outputMode="LAB")
    else:
        image = source.convert(mode)
    wanted = np.asarray(source.convert(mode).convert("RGB")) if mode in "1LP" else smooth
    packed = {"compression": "tiff_lzw"} if mode == "YCbCr" and kind == "TIFF" else {}
    path = saved(tmp_path / "x", image, kind, **packed)
    assert np.abs(decoded(path) - wanted.astype(int)).max() <= far
    grey = np.asarray(Image.fromarray(wanted).convert("L")).astype(int)
    assert np.abs(decoded(path, 1)[...] - grey).max() <= far


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photographs_stand_upright(tmp_path: Path, kind: str) -> None:
    held = np.zeros((16, 32), np.uint8)
    held[:, :16] = 255  # left: the lower half, once it is turned
    exif = Image.Exif()
    exif[0x0112] = 8  # turned by 90 degrees
    path = saved(tmp_path / "x", Image.fromarray(held).convert("RGB"), kind, exif=exif)
    found = decoded(path)
    assert found.shape == (32, 16, 3) and found[18:].min() > 230 and found[:14].max() < 25


def test_damaged_exif_data_do_no_harm(tmp_path: Path) -> None:
    path = saved(tmp_path / "x", Image.fromarray(COLOUR), "JPEG", exif=b"Exif\0\0II*\0garbage" * 9)
    assert np.abs(decoded(path) - COLOUR).mean() < 60


def test_two_photographs_in_one_are_one(tmp_path: Path) -> None:
    """As telephones write them."""
    image = Image.fromarray(COLOUR)
    path = saved(tmp_path / "x", image, "MPO", save_all=True, append_images=[image])
    assert not read_header(path, PixelConfig()).several


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def cut(kind: str, share: float = 0.6) -> Callable[[Path], None]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)

    def change(path: Path) -> None:
        content = saved(path, Image.fromarray(noise), kind).read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return change


def huge(path: Path) -> None:
    """A header of many pixels."""
    side = int(MOST_PIXELS**0.5) + 1
    stream = io.BytesIO(png16(grey16()))
    content = bytearray(stream.getvalue())
    content[16:24] = struct.pack(">2I", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def long(path: Path) -> None:
    Image.new("L", (1, 5000)).save(path, "PNG")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.write(png16(grey16()))
        file.truncate(1 << 30)


def postscript(path: Path) -> None:
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")


def saved_as(values: np.ndarray) -> Callable[[Path], None]:
    return lambda path: saved(path, Image.fromarray(values)) and None


def tiff_of(values: np.ndarray, kind: int, bits: int = 32) -> Callable[[Path], None]:
    return write(tiff(values, bits, kind=kind))


FLOATS = RAMP.astype(np.float32)
SIGNED = (RAMP.astype(np.int16) - 100) * 100


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (saved_as(np.zeros((8, 8, 4), np.uint8)), {}, "must show something.* Replace or remove it"),
        (postscript, {}, "must be a readable image .*; got none that Pillow reads"),
        (
            write(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            {},
            "must be a readable image .*; got none that Pillow reads",
        ),
        (
            write(b"\0\0\1\0\1\0\x10\x10"),
            {},
            "must be a readable image .*; got none that Pillow reads",
        ),  # an icon
        (huge, {}, "must have at most 89,478,485 pixels; got 9,460 x 9,460"),
        (long, {}, "must be at most 100 times as long as wide; got 1 x 5,000"),
        (large, {}, "must have at most 268,435,456 bytes"),
        (os.mkfifo, {}, "must be a readable, regular file"),
        (Path.mkdir, {}, "must be a readable, regular file"),
        (tiff_of(FLOATS, 3), {}, "must say which value is white"),
        (tiff_of(RAMP.astype(np.int32), 2), {}, "must say which value is white"),
        (tiff_of(SIGNED, 2, 16), {}, "must say which value is white"),
        (tiff_of(SIGNED, 2, 16), {"white": 30000}, r"must have pixels in 0\.\.30000; got -10000"),
        (tiff_of(FLOATS, 3), {"white": 1.0}, r"must have pixels in 0\.\.1; got 0\.\.255"),
        (tiff_of(FLOATS * np.nan, 3), {"white": 1.0}, "must have pixels in.*nan"),
        (tiff_of(SIGNED.astype(np.int8), 2, 8), {}, "must have pixels without a sign"),
        (write(png16(grey16(), b"tRNS" + bytes(2))), {}, "must be of 8 bits if one"),
        (
            write(png16(COLOUR.astype(np.uint16), b"tRNS" + bytes(6))),
            {},
            "must be of 8 bits if one",
        ),
        (write(png16(COLOUR.astype(np.uint16))), {"white": 255}, "must be grey, or 8-bit"),
        *((cut(kind), {}, "must be a readable image") for kind in ("JPEG", "PNG", "TIFF", "BMP")),
        *((cut(kind), {}, "must be a readable image") for kind in ("WEBP", "GIF", "PPM")),
        (cut("JPEG", 0.02), {}, "must be a readable image"),
    ],
)
def test_bad_files_are_refused(
    tmp_path: Path, make: Callable[[Path], None], options: dict[str, float], message: str
) -> None:
    path = tmp_path / "x.png"
    make(path)
    with pytest.raises(ConfigError, match=rf"x\.png` {message}"):
        decoded(path, **options)


def test_several_pages_of_a_tiff(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        for image in (Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)):
            image.save(file, "TIFF")
            file.newFrame()
    assert read_header(path, PixelConfig()).several
    np.testing.assert_array_equal(decoded(path), COLOUR)
