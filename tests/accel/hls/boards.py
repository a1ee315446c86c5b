"""Boards for the host programs: modules called `pynq` and `pyxrt` with a kernel behind them that
takes its arguments as the hardware does, from registers and from memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = "src/qnas_top.hpp"
NUMBERS = ("images", "network")
# (B, image bytes) and the index of a network to the bytes of the answers.
Kernel = Callable[[NDArray[np.uint8], int], bytes]


@dataclass
class Board:
    """What the kernel was called with: images and network of each call, weights by port."""

    module: ModuleType
    calls: list[tuple[int, int]] = field(default_factory=list)
    weights: list[dict[str, bytes]] = field(default_factory=list)


def arguments_of(header: str) -> list[str]:
    """Names of the kernel's arguments, in their order, from qnas_top.hpp."""
    arguments = header.partition("void qnas_top(")[2].partition(")")[0]
    return [re.findall(r"\w+", argument)[-1] for argument in arguments.split(",")]


class Memory(np.ndarray[Any, Any]):
    """A buffer with an address, as PYNQ's."""

    device_address = 0

    def flush(self) -> None: ...

    def invalidate(self) -> None: ...


def zynq(project: Path, kernel: Kernel, *, image_bytes: int) -> Board:
    """A register file as Vitis HLS lays it out: two words an address, one a number, and a gap."""
    board, buffers, registers = Board(ModuleType("pynq")), {}, {}
    offsets, at = {}, 0x10
    for name in arguments_of((project / HEADER).read_text()):
        offsets[name] = at
        at += 8 if name in NUMBERS else 12

    def allocate(size: int, dtype: type) -> Memory:
        buffer = np.zeros(size, dtype=dtype).view(Memory)
        buffer.device_address = (len(buffers) + 1) << 32 | 0x1000
        buffers[buffer.device_address] = buffer
        return buffer

    def memory(name: str) -> Memory:
        found: Memory = buffers[registers[offsets[name]] | registers[offsets[name] + 4] << 32]
        return found

    def write(offset: int, value: int) -> None:
        registers[offset] = value
        if offset == 0 and value & 1:
            count, network = registers[offsets["images"]], 0
            if "network" in offsets:
                network = registers[offsets["network"]]
            board.calls.append((count, network))
            ports = [name for name in offsets if name.startswith("weights")]
            board.weights.append({name: memory(name).tobytes() for name in ports})
            images = memory("image").reshape(-1, image_bytes)[:count]
            answers = np.frombuffer(kernel(images, network), dtype=np.uint8)
            memory("logits")[: len(answers)] = answers
            registers[0] = 2

    named = {}
    for name, offset in offsets.items():
        if name in NUMBERS:
            named[name] = {"address_offset": offset}
        else:
            named |= {f"{name}_{i}": {"address_offset": offset + 4 * i - 4} for i in (1, 2)}
    ip = SimpleNamespace(write=write, read=lambda offset: registers[offset])
    overlay = SimpleNamespace(ip_dict={"qnas_top_0": {"registers": named}}, qnas_top_0=ip)
    board.module.__dict__.update(Overlay=lambda _: overlay, allocate=allocate)
    return board


class Buffer:
    """A buffer object of XRT: what the host sees, and what the card does."""

    normal = 0

    def __init__(self, _card: object, size: int, _flags: object, bank: int) -> None:
        self.bank, self.host, self.device = bank, bytearray(size), bytearray(size)

    def map(self) -> memoryview:
        return memoryview(self.host)

    def sync(self, direction: str, size: int, offset: int) -> None:
        source, target = (self.host, self.device)[:: 1 if direction == "to" else -1]
        target[offset : offset + size] = source[offset : offset + size]


def card(project: Path, kernel: Kernel, *, image_bytes: int) -> Board:
    """A kernel that is called with the arguments of the top function, in their order."""
    board, names = Board(ModuleType("pyxrt")), arguments_of((project / HEADER).read_text())

    class XrtKernel:
        def group_id(self, argument: int) -> int:
            return argument

        def __call__(self, *arguments: Any) -> SimpleNamespace:
            given = dict(zip(names, arguments, strict=True))
            for index, value in enumerate(arguments):
                assert not isinstance(value, Buffer) or value.bank == index
            count, network = given["images"], given.get("network", 0)
            board.calls.append((count, network))
            ports = [name for name in names if name.startswith("weights")]
            board.weights.append({name: bytes(given[name].device) for name in ports})
            words = np.frombuffer(given["image"].device, dtype=np.uint8)
            answers = kernel(words.reshape(-1, image_bytes)[:count], network)
            given["logits"].device[: len(answers)] = answers
            return SimpleNamespace(wait=lambda: None)

    board.module.__dict__.update(
        device=lambda _: SimpleNamespace(load_xclbin=lambda _: "uuid"),
        xclbin=str,
        kernel=lambda *_: XrtKernel(),
        bo=Buffer,
        xclBOSyncDirection=SimpleNamespace(
            XCL_BO_SYNC_BO_TO_DEVICE="to", XCL_BO_SYNC_BO_FROM_DEVICE="from"
        ),
    )
    return board
