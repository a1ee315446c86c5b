"""From files, folders, camera frames and arrays to the pixels that the network was trained on.

`preprocessing.json` says what the training did; `image_reading.py` is the code that did it. Needs
NumPy and Pillow; a camera needs OpenCV as well.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from image_reading import (
    SUFFIXES,
    ImageError,
    centre_of,
    normalised,
    opened_image,
    plain_image,
)
from numpy.typing import NDArray
from qnas_host import HostError

Floats = NDArray[np.float32]
FRAMES = {b"P5": 1, b"P6": 3}  # channels of a binary PGM or PPM
MOST_TOKEN = 20


class Preprocessing:
    """What `preprocessing.json` says; methods give (C, H, W) float32, normalised."""

    def __init__(self, project: Path) -> None:
        facts: dict[str, Any] = json.loads((project / "host" / "preprocessing.json").read_text())
        self.class_names: list[str] = facts["class_names"]
        self._facts: dict[str, Any] | None = facts["image"]

    def load(self) -> None:
        """Load Pillow, so that the first image takes no longer than the others."""
        self._known()
        _pillow().preinit()

    def file(self, path: Path) -> Floats:
        """An image file of any size."""
        with path.open("rb") as file:
            return self._read(file, str(path))

    def frame(self, pixels: NDArray[np.uint8]) -> Floats:
        """A frame of bytes (H, W) or (H, W, RGB)."""
        return self._finished(_pillow().fromarray(pixels))

    def _read(self, file: BinaryIO, name: str) -> Floats:
        facts, _ = self._known(), _pillow()
        try:
            with opened_image(file, white=facts["white"]) as image:
                return self._finished(image)
        except ImageError as error:
            raise HostError(f"`{name}` {error}") from None

    def _finished(self, image: Any) -> Floats:
        facts = self._known()
        rules = ("channels", "white", "background")
        plain = plain_image(image, **{rule: facts[rule] for rule in rules})
        rules = ("size", "shorter_side", "interpolation")
        pixels = centre_of(plain, **{rule: facts[rule] for rule in rules})
        return normalised(pixels[None], facts["mean"], facts["std"])[0]

    def _known(self) -> dict[str, Any]:
        if self._facts is None:
            raise HostError(
                "An input must be an .npy file of normalised floats (B, C, H, W): the network was "
                "not trained on pixels that a file holds; got an image."
            )
        return self._facts


def _pillow() -> Any:
    """Pillow's module of images."""
    try:
        module: Any = import_module("PIL.Image")
    except ImportError:
        module = None
    if not hasattr(getattr(module, "Image", None), "has_transparency_data"):
        raise HostError(
            "Images must be read with Pillow 10.1 or later; got "
            f"{getattr(module, '__version__', 'none')}. Run: pip install --upgrade pillow"
        )
    return module


def inputs(arguments: list[str], reader: Preprocessing) -> Iterator[tuple[str, Floats | HostError]]:
    """Name and image of every input, or why it cannot be read: files, folders, .npy, `-`."""
    for argument in arguments:
        if argument == "-":
            for index, pixels in enumerate(frames(sys.stdin.buffer)):
                yield f"frame {index}", reader.frame(pixels)
        elif argument.endswith(".npy"):
            images = np.load(argument, allow_pickle=False)
            yield from ((str(index), image) for index, image in enumerate(images))
        else:
            for path in files(Path(argument)):
                try:
                    yield str(path), reader.file(path)
                except (HostError, OSError) as error:
                    yield str(path), HostError(str(error))


def files(path: Path) -> list[Path]:
    """A file, or every image in a folder and below, in the order of their names."""
    if not path.is_dir():
        return [path]
    return sorted(found for found in path.rglob("*") if found.suffix.lower() in SUFFIXES)


def frames(stream: BinaryIO) -> Iterator[NDArray[np.uint8]]:
    """Binary PGM (H, W) and PPM (H, W, 3) images of 8 bits, one behind the other."""
    while magic := stream.read(2):
        if magic not in FRAMES:
            raise HostError(f"A stream must hold PPM or PGM images (P6, P5); got {magic!r}.")
        width, height, white = (_number(stream) for _ in range(3))
        if white != 255:
            raise HostError(f"Frames must have 8 bits, 255 for white; got {white}.")
        channels = FRAMES[magic]
        data = stream.read(width * height * channels)
        if len(data) != width * height * channels:
            raise HostError("A stream must end with a whole frame; got a part of one.")
        shape = (height, width) if channels == 1 else (height, width, channels)
        yield np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _number(stream: BinaryIO) -> int:
    """A number of a header, with the white space or the comments before it and one byte behind."""
    token = b""
    while len(token) < MOST_TOKEN:
        byte = stream.read(1)
        if byte == b"#":
            stream.readline()
        elif byte.isdigit():
            token += byte
        elif token or not byte.isspace():
            break
    if not token or not byte.isspace():
        raise HostError(f"A frame's header must hold three numbers; got {token + byte!r}.")
    return int(token)


def camera(source: str, reader: Preprocessing) -> Iterator[tuple[str, Floats]]:
    """Frames of a V4L2 camera (0 or /dev/video0) or of a film, by OpenCV, until they end."""
    try:
        cv2: Any = import_module("cv2")
    except ImportError:
        raise HostError(
            "`--camera` must have OpenCV; got none. Install it (apt install python3-opencv), or "
            "pipe frames:  ffmpeg -f v4l2 -i /dev/video0 -f image2pipe -c:v ppm - | "
            "python3 host/run.py -"
        ) from None
    taken = cv2.VideoCapture(int(source) if source.isdigit() else source)
    if not taken.isOpened():
        raise HostError(f"`--camera` must be a camera or a film; got {source!r}.")
    index = 0
    while True:
        there, pixels = taken.read()
        if not there:
            return
        yield f"frame {index}", reader.frame(np.ascontiguousarray(pixels[..., ::-1]))
        index += 1
