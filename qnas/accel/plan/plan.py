"""HardwarePlan: the IR between model and hardware. Specified in PLAN.md.

A plan is data: what the generator prints and what the cost model prices, and nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qnas._util.serialization import Value, decode, digest
from qnas.accel.plan.folding import Folding
from qnas.architecture import Architecture

StageKind = Literal["load_patches", "load_residual", "gemm", "layer_norm", "softmax"]
Storage = Literal["lutram", "bram", "uram", "registers"]


@dataclass(frozen=True, slots=True)
class Loop(Value):
    """One pipelined loop (II = 1): `trips` iterations in all, entered `entries` times: 0 for a
    phase that goes on in the pipeline of the loop before it. `hidden` of the trips, a softmax's,
    are iterations of the array's loops beside it, and take no time of their own. `depth`: cycles
    that each entry takes beyond the trips."""

    name: str
    trips: int
    entries: int
    depth: int
    hidden: int = 0

    @property
    def fill_cycles(self) -> int:
        return self.entries * self.depth


@dataclass(frozen=True, slots=True)
class Stage(Value):
    """One entry of the stage table: an operation mapped to the hardware.

    Shapes: `rows` x `inner` times `tokens` x `inner` for a GEMM; `tokens` x `channels` (in `rows`)
    for a LayerNorm or load; `tokens` queries x `inner` keys for a softmax. Zero where unused.
    `src_base`/`dst_base` are rows of the activation memory (or of key memory for keys), already
    offset to the head; `*_stride` bank rows a token group. `stream_words`: of the weight stream.
    Stages of one `step` run side by side: a softmax, on its `half` of the attention buffers, and
    products on the other.
    """

    name: str
    kind: StageKind
    step: int
    half: int
    left: str
    right: str
    dst: str
    epilogue: str
    rows: int
    slots: int
    tokens: int
    inner: int
    head: int
    token_offset: int
    row_tiles: int
    token_tiles: int
    beats: int
    drain_steps: int
    tile_steps: int
    load_steps: int
    stream_words: int
    src_base: int
    src_stride: int
    left_base: int
    left_stride: int
    dst_base: int
    dst_stride: int
    dst_group_stride: int
    loops: tuple[Loop, ...]

    @property
    def loop_cycles(self) -> int:
        return sum(loop.trips - loop.hidden for loop in self.loops)


@dataclass(frozen=True, slots=True)
class Buffer(Value):
    """One on-chip array: `banks` memories of `depth` words of `bits` bits."""

    name: str
    bits: int
    banks: int
    depth: int
    storage: Storage


@dataclass(frozen=True, slots=True)
class Multiplier(Value):
    """`count` multipliers of `a_bits` x `b_bits` (signed widths) built in `where`."""

    name: str
    a_bits: int
    b_bits: int
    count: int
    where: Literal["dsp", "lut"]


@dataclass(frozen=True, slots=True)
class Packing(Value):
    """How products share a DSP: `rows` row slots times `tokens` tokens make rows * tokens fields,
    `field_bits` apart; up to `cascade` of them (`tk`, if that is fewer) are summed before the
    fields are split. One row and one token: a DSP a product."""

    rows: int
    tokens: int
    field_bits: int
    cascade: int

    @property
    def products(self) -> int:
        """Products that one DSP makes a cycle."""
        return self.rows * self.tokens


@dataclass(frozen=True, slots=True)
class Port(Value):
    """One AXI master port: `words` of `bits` read or written for one image, in bursts of at most
    `burst` words, of which `outstanding` may be under way."""

    name: str
    bits: int
    words: int
    direction: Literal["read", "write"]
    burst: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class HardwarePlan(Value):
    """The whole accelerator for one architecture on one device, whose DSPs multiply signed
    `dsp_wide_bits` x `dsp_narrow_bits`."""

    architecture: Architecture
    device: str
    clock_mhz: float
    folding: Folding
    stages: tuple[Stage, ...]
    buffers: tuple[Buffer, ...]
    multipliers: tuple[Multiplier, ...]
    ports: tuple[Port, ...]
    dsp_wide_bits: int
    dsp_narrow_bits: int
    packing: Packing
    activation_bits: int
    accumulator_bits: int
    score_bits: int

    @property
    def weight_ports(self) -> tuple[Port, ...]:
        """Those of the weight stream, which bring a word of it together, lowest bits first."""
        return self.ports[: self.folding.weight_ports]

    @property
    def image_port(self) -> Port:
        return self.ports[self.folding.weight_ports]

    @property
    def stream_bits(self) -> int:
        """Width of a word of the weight stream."""
        return sum(port.bits for port in self.weight_ports)

    @property
    def stream_words(self) -> int:
        """Words of the weight stream, of one image."""
        return self.ports[0].words

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over every field."""
        return digest(self)

    @classmethod
    def from_json(cls, data: Any) -> HardwarePlan:
        """ConfigError names the key at fault."""
        return decode(cls, data, subject="plan")
