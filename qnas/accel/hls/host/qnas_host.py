"""Input and output of the accelerator, in NumPy alone: the same on a board, a card and a desk.

`design.json` says what the kernel expects; this turns images into its words, checks the weights
and reads the logits. What moves the bytes (PYNQ, XRT, or the C simulation) is in `backends.py`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
LOGIT_BYTES = 4


class HostError(ValueError):
    """Images, weights or answers that do not belong to this design."""


class Network:
    """A network that the kernel can run, by its `index`: facts from design.json."""

    def __init__(self, index: int, facts: dict[str, Any], *, word_bytes: int) -> None:
        self.index = index
        self.label: str = facts["label"]
        self.architecture: str = facts["architecture"]
        self.input_step: float = facts["input_step"]
        self.logit_step: float | None = facts["logit_step"]
        self.weight_files: list[dict[str, str]] = facts["weights"]  # port, file, sha256
        self.weight_bytes: int = facts["weight_words"] * word_bytes  # of each port


class Design:
    """An exported kernel: shapes, and steps and digests of its networks, from design.json, weights
    from data/. Methods take the index of a network; a kernel of one has number 0 alone."""

    def __init__(self, project: str | Path) -> None:
        self.project = Path(project)
        facts: dict[str, Any] = json.loads((self.project / "host" / "design.json").read_text())
        self.name: str = facts["name"]
        self.image_shape: tuple[int, int, int] = tuple(facts["image_shape"])
        self.patch_size: int = facts["patch_size"]
        self.classes: int = facts["classes"]
        self.pass_images: int = facts["pass_images"]  # that the kernel takes together
        self.activation_max: int = facts["activation_max"]
        self.word_bytes: int = facts["port_bits"] // 8
        self.pixels_per_word: int = facts["pixels_per_word"]
        self.image_bytes: int = facts["image_words"] * self.word_bytes
        self.networks = tuple(
            Network(index, network, word_bytes=self.word_bytes)
            for index, network in enumerate(facts["networks"])
        )

    def network(self, which: int | str) -> Network:
        """By index or label."""
        for network in self.networks:
            if which in (network.index, str(network.index), network.label):
                return network
        known = ", ".join(f"{network.index} ({network.label})" for network in self.networks)
        raise HostError(f"`network` must be one of {known}; got {which!r}. Choose one of them.")

    def whole_passes(self, images: int) -> int:
        """The images of a call that holds so many: a multiple of `pass_images`."""
        return -(-images // self.pass_images) * self.pass_images

    def weights(self, network: int = 0) -> dict[str, Bytes]:
        """What each port of the weight stream reads, by its name: weights*.bin in data/, once
        lengths and SHA-256 are what the project was made with."""
        chosen = self.network(network)
        return {
            facts["port"]: self._weight_file(facts, chosen.weight_bytes)
            for facts in chosen.weight_files
        }

    def _weight_file(self, facts: dict[str, str], size: int) -> Bytes:
        path = self.project / facts["file"]
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if len(data) != size or digest != facts["sha256"]:
            raise HostError(
                f"`{path}` must be {size} bytes with SHA-256 {facts['sha256']}; "
                f"got {len(data)} bytes with {digest}. Copy the project again."
            )
        return np.frombuffer(data, dtype=np.uint8)

    def quantize(self, images: NDArray[np.floating[Any]], network: int = 0) -> NDArray[np.int8]:
        """(B, C, H, W) normalised images to (B, patches, pixels of a patch) integers.

        In input steps of the network, rounded half to even, clipped. Patches in rows from the top
        left; the pixels of a patch by channel, row, column.
        """
        if images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise HostError(
                f"`images` must be (B, {', '.join(map(str, self.image_shape))}); "
                f"got {images.shape}. Resize or convert them."
            )
        steps = np.rint(images.astype(np.float64) / self.network(network).input_step)
        if not np.isfinite(steps).all():
            raise HostError("`images` must be finite; got NaN or infinity. Correct them.")
        pixels = np.clip(steps, -self.activation_max, self.activation_max).astype(np.int8)
        batch, (channels, height, width), patch = len(images), self.image_shape, self.patch_size
        shape = (batch, channels, height // patch, patch, width // patch, patch)
        return (
            pixels.reshape(shape)
            .transpose(0, 2, 4, 1, 3, 5)
            .reshape(batch, -1, channels * patch * patch)
        )

    def pack(self, patches: NDArray[np.int8]) -> Bytes:
        """(B, patches, pixels) to (B, image bytes): every patch starts a word."""
        batch, count, pixels = patches.shape
        groups = -(-pixels // self.pixels_per_word)
        lanes = np.zeros((batch, count, groups * self.pixels_per_word), dtype=np.uint8)
        lanes[:, :, :pixels] = patches.view(np.uint8)
        words = np.zeros((batch, count * groups, self.word_bytes), dtype=np.uint8)
        words[:, :, : self.pixels_per_word] = lanes.reshape(batch, -1, self.pixels_per_word)
        packed = words.reshape(batch, -1)
        if packed.shape[1] != self.image_bytes:
            raise HostError(
                f"`image` must be {self.image_bytes} bytes; got {packed.shape[1]}. "
                "design.json is of another design."
            )
        return packed

    def image_words(self, images: NDArray[np.floating[Any]], network: int = 0) -> Bytes:
        """(B, C, H, W) normalised images to (B, image bytes), as the port takes them."""
        return self.pack(self.quantize(images, network))

    def logits(self, raw: bytes | Bytes) -> NDArray[np.int32]:
        """The bytes of B answers to (B, classes) integers of one common scale."""
        data, size = bytes(raw), self.classes * LOGIT_BYTES
        if not data or len(data) % size:
            raise HostError(
                f"`logits` must be {size} bytes an image; got {len(data)}. "
                "The kernel is of another design."
            )
        return np.frombuffer(data, dtype="<i4").reshape(-1, self.classes).astype(np.int32)


def address_registers(registers: dict[str, Any], port: str) -> list[int]:
    """Offsets of the words of a port's address (or of a number, one word) in the register file, low
    word first.

    Vitis HLS calls them `port` or, of 64 bits, `port_1` and `port_2` (`port_r` for a reserved
    name). `registers` is name -> {"address_offset": ...}, as PYNQ reads it from the .hwh file.
    """
    names = [n for n in registers if n in (port, f"{port}_r") or n in _halves(port)]
    if not names:
        raise HostError(f"`{port}` must be a register of the kernel; got {sorted(registers)}.")
    return sorted(int(registers[name]["address_offset"]) for name in names)


def _halves(port: str) -> tuple[str, ...]:
    return tuple(f"{name}_{half}" for name in (port, f"{port}_r") for half in (1, 2))
