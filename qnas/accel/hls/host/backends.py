"""What moves bytes to the kernel and back: PYNQ (Zynq), XRT (Alveo, Versal) or the C simulation.

Each backend takes the packed words of up to `batch` images, runs them in one call of the kernel and
returns the bytes of their logits; the weights of every network are loaded once. To start a kernel
takes a driver longer than a small network takes an image, so give a call many. A kernel that takes
several images a pass runs whole passes: the last one is filled with the last image, whose further
logits are dropped. `pynq` and `pyxrt` come with the board's or the card's software.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from qnas_host import LOGIT_BYTES, Bytes, Design, HostError, address_registers

KERNEL = "qnas_top"
CONTROL, START, DONE = 0x00, 0x01, 0x02
TIMEOUT_S = 30.0  # of a call
BATCH = 64  # images of a call, by default


class Backend(Protocol):
    """Up to `batch` images (B, image bytes) in, B answers out, by the network of that index."""

    batch: int

    def run(self, images: Bytes, network: int = 0) -> bytes: ...


def classify(backend: Backend, design: Design, words: Bytes, network: int = 0) -> NDArray[np.int32]:
    """(B, image bytes) to (B, classes) logits, `backend.batch` images a call."""
    parts = [words[first : first + backend.batch] for first in range(0, len(words), backend.batch)]
    answers = [design.logits(backend.run(part, network)) for part in parts]
    return np.concatenate([np.empty((0, design.classes), dtype=np.int32), *answers])


def _checked(images: Bytes, design: Design, batch: int) -> Bytes:
    """The images of a call, filled to whole passes."""
    if images.ndim != 2 or images.shape[1] != design.image_bytes or not 1 <= len(images) <= batch:
        raise HostError(
            f"`images` must be 1 to {batch} rows of {design.image_bytes} bytes; "
            f"got {images.shape}. Divide them among calls."
        )
    further = design.whole_passes(len(images)) - len(images)
    filled = np.concatenate([images, *[images[-1:]] * further]) if further else images
    return np.ascontiguousarray(filled)


def _answer_bytes(images: Bytes, design: Design) -> int:
    return len(images) * design.classes * LOGIT_BYTES


class Simulated:
    """The kernel's C++, compiled by `make sim`: needs no board."""

    def __init__(
        self, design: Design, library: str | Path | None = None, *, batch: int = BATCH
    ) -> None:
        path = Path(library) if library else design.project / "build" / "libqnas_sim.so"
        if not path.is_file():
            raise HostError(f"`{path}` must be built; got nothing. Run `make sim`.")
        self._call = ctypes.CDLL(str(path.resolve())).qnas_simulate
        self._weights = [
            b"".join(part.tobytes() for part in design.weights(network.index).values())
            for network in design.networks
        ]
        self._design, self.batch = design, batch

    def run(self, images: Bytes, network: int = 0) -> bytes:
        index = self._design.network(network).index
        given = _checked(images, self._design, self.batch)
        answers = ctypes.create_string_buffer(_answer_bytes(given, self._design))
        self._call(index, len(given), self._weights[index], given.tobytes(), answers)
        return answers.raw[: _answer_bytes(images, self._design)]


class Pynq:
    """A Zynq board: bitstream and .hwh made by vivado.tcl, and in its memory a buffer a port, for
    weights one of each network: to change networks is to write registers."""

    def __init__(self, design: Design, bitstream: str | Path, *, batch: int = BATCH) -> None:
        pynq: Any = import_module("pynq")
        overlay = pynq.Overlay(str(bitstream))
        name = next((n for n in overlay.ip_dict if KERNEL in n or n == "kernel"), None)
        if name is None:
            raise HostError(f"`{bitstream}` must hold {KERNEL}; got {sorted(overlay.ip_dict)}.")
        self._ip, self._registers = getattr(overlay, name), overlay.ip_dict[name]["registers"]
        self._design, self.batch = design, batch
        self._written: dict[str, int] = {}  # numbers in the registers
        self._weights = [
            {port: _filled(pynq, part) for port, part in design.weights(network.index).items()}
            for network in design.networks
        ]
        most = design.whole_passes(batch)
        self._image = pynq.allocate(most * design.image_bytes, dtype=np.uint8)
        self._logits = pynq.allocate(most * design.classes * LOGIT_BYTES, dtype=np.uint8)
        self._point({"image": self._image, "logits": self._logits})

    def run(self, images: Bytes, network: int = 0) -> bytes:
        given = _checked(images, self._design, self.batch)
        self._choose(self._design.network(network).index)
        self._image[: given.size] = given.reshape(-1)
        self._image.flush()
        self._write("images", len(given))
        self._ip.write(CONTROL, START)
        end = time.monotonic() + TIMEOUT_S
        while not self._ip.read(CONTROL) & DONE:
            if time.monotonic() > end:
                raise HostError(f"`{KERNEL}` must finish within {TIMEOUT_S:g} s; got no answer.")
        self._logits.invalidate()
        size = _answer_bytes(images, self._design)
        return bytes(np.asarray(self._logits[:size]))

    def _choose(self, index: int) -> None:
        self._point(self._weights[index])
        if len(self._design.networks) > 1:
            self._write("network", index)

    def _point(self, ports: dict[str, Any]) -> None:
        for port, buffer in ports.items():
            self._write(port, buffer.device_address)

    def _write(self, name: str, value: int) -> None:
        if self._written.get(name) == value:
            return
        self._written[name] = value
        for word, offset in enumerate(address_registers(self._registers, name)):
            self._ip.write(offset, value >> (32 * word) & 0xFFFFFFFF)


def _filled(pynq: Any, data: Bytes) -> Any:
    buffer = pynq.allocate(len(data), dtype=np.uint8)
    buffer[:] = data
    buffer.flush()
    return buffer


class Xrt:
    """An Alveo card or a Versal board: the .xclbin that v++ linked with link.cfg. Weights of all
    networks stay in its memory."""

    def __init__(
        self, design: Design, xclbin: str | Path, *, batch: int = BATCH, device: int = 0
    ) -> None:
        self._xrt: Any = import_module("pyxrt")
        self._card, self._design, self.batch = self._xrt.device(device), design, batch
        uuid = self._card.load_xclbin(self._xrt.xclbin(str(xclbin)))
        self._kernel = self._xrt.kernel(self._card, uuid, KERNEL)
        self._weights = [  # in the order of the kernel's arguments
            [self._filled(i, part) for i, part in enumerate(design.weights(one.index).values())]
            for one in design.networks
        ]
        ports = len(self._weights[0])
        most = design.whole_passes(batch)
        self._image = self._buffer(ports, most * design.image_bytes)
        self._logits = self._buffer(ports + 1, most * design.classes * LOGIT_BYTES)

    def run(self, images: Bytes, network: int = 0) -> bytes:
        index = self._design.network(network).index
        given = _checked(images, self._design, self.batch)
        self._send(self._image, given.reshape(-1))
        numbers = (len(given), index) if len(self._design.networks) > 1 else (len(given),)
        self._kernel(*self._weights[index], self._image, self._logits, *numbers).wait()
        size = _answer_bytes(images, self._design)
        self._logits.sync(self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE, size, 0)
        return bytes(self._logits.map())[:size]

    def _buffer(self, argument: int, size: int) -> Any:
        bank = self._kernel.group_id(argument)
        return self._xrt.bo(self._card, size, self._xrt.bo.normal, bank)

    def _filled(self, argument: int, data: Bytes) -> Any:
        buffer = self._buffer(argument, len(data))
        self._send(buffer, data)
        return buffer

    def _send(self, buffer: Any, data: Bytes) -> None:
        np.frombuffer(buffer.map(), dtype=np.uint8)[: len(data)] = data
        buffer.sync(self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, len(data), 0)


BACKENDS: dict[str, Callable[..., Backend]] = {"sim": Simulated, "pynq": Pynq, "xrt": Xrt}
