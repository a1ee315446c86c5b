"""What moves bytes to the kernel and back: PYNQ (Zynq), XRT (Alveo, Versal) or the C simulation.

Each backend takes the packed words of one image and returns the bytes of its logits; the weights
are loaded once. `pynq` and `pyxrt` come with the board's or the card's software.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from qnas_host import LOGIT_BYTES, Bytes, Design, HostError, address_registers

KERNEL = "qnas_top"
CONTROL, START, DONE = 0x00, 0x01, 0x02
TIMEOUT_S = 30.0


class Backend(Protocol):
    """One image in, one answer out."""

    def run(self, image: Bytes) -> bytes: ...


class Simulated:
    """The kernel's C++, compiled by `make sim`: needs no board."""

    def __init__(self, design: Design, library: str | Path | None = None) -> None:
        path = Path(library) if library else design.project / "build" / "libqnas_sim.so"
        if not path.is_file():
            raise HostError(f"`{path}` must be built; got nothing. Run `make sim`.")
        self._call = ctypes.CDLL(str(path.resolve())).qnas_simulate
        self._weights = b"".join(part.tobytes() for part in design.weights().values())
        self._bytes = design.classes * LOGIT_BYTES

    def run(self, image: Bytes) -> bytes:
        answer = ctypes.create_string_buffer(self._bytes)
        self._call(self._weights, image.tobytes(), answer)
        return answer.raw


class Pynq:
    """A Zynq board: bitstream and .hwh made by vivado.tcl, and a buffer a port in its memory."""

    def __init__(self, design: Design, bitstream: str | Path) -> None:
        pynq: Any = import_module("pynq")
        overlay = pynq.Overlay(str(bitstream))
        name = next((n for n in overlay.ip_dict if KERNEL in n or n == "kernel"), None)
        if name is None:
            raise HostError(f"`{bitstream}` must hold {KERNEL}; got {sorted(overlay.ip_dict)}.")
        self._ip, registers = getattr(overlay, name), overlay.ip_dict[name]["registers"]
        self._weights = {port: _filled(pynq, part) for port, part in design.weights().items()}
        self._image = pynq.allocate(design.image_bytes, dtype=np.uint8)
        self._logits = pynq.allocate(design.classes * LOGIT_BYTES, dtype=np.uint8)
        ports = {**self._weights, "image": self._image, "logits": self._logits}
        for port, buffer in ports.items():
            for word, offset in enumerate(address_registers(registers, port)):
                self._ip.write(offset, buffer.device_address >> (32 * word) & 0xFFFFFFFF)

    def run(self, image: Bytes) -> bytes:
        self._image[:] = image
        self._image.flush()
        self._ip.write(CONTROL, START)
        end = time.monotonic() + TIMEOUT_S
        while not self._ip.read(CONTROL) & DONE:
            if time.monotonic() > end:
                raise HostError(f"`{KERNEL}` must finish within {TIMEOUT_S:g} s; got no answer.")
        self._logits.invalidate()
        return bytes(np.asarray(self._logits))


def _filled(pynq: Any, data: Bytes) -> Any:
    buffer = pynq.allocate(len(data), dtype=np.uint8)
    buffer[:] = data
    buffer.flush()
    return buffer


class Xrt:
    """An Alveo card or a Versal board: the .xclbin that v++ linked with link.cfg."""

    def __init__(self, design: Design, xclbin: str | Path, *, device: int = 0) -> None:
        self._xrt: Any = import_module("pyxrt")
        card = self._xrt.device(device)
        uuid = card.load_xclbin(self._xrt.xclbin(str(xclbin)))
        self._kernel = self._xrt.kernel(card, uuid, KERNEL)
        weights = [*design.weights().values()]
        sizes = [*map(len, weights), design.image_bytes, design.classes * LOGIT_BYTES]
        self._buffers = [  # in the order of the kernel's arguments
            self._xrt.bo(card, size, self._xrt.bo.normal, self._kernel.group_id(index))
            for index, size in enumerate(sizes)
        ]
        self._sizes = sizes
        for index, part in enumerate(weights):
            self._send(index, part)

    def run(self, image: Bytes) -> bytes:
        self._send(len(self._buffers) - 2, image)
        self._kernel(*self._buffers).wait()
        back = self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
        self._buffers[-1].sync(back, self._sizes[-1], 0)
        return bytes(self._buffers[-1].map())[: self._sizes[-1]]

    def _send(self, index: int, data: Bytes) -> None:
        buffer, size = self._buffers[index], self._sizes[index]
        np.frombuffer(buffer.map(), dtype=np.uint8)[:size] = data
        buffer.sync(self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, size, 0)


BACKENDS: dict[str, Callable[..., Backend]] = {"sim": Simulated, "pynq": Pynq, "xrt": Xrt}
