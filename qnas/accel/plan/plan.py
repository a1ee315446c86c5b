"""HardwarePlan: the intermediate representation between network and hardware. See PLAN.md.

A plan is data. The generators print a plan and the cost model prices a plan; neither has another
source of information about the hardware.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qnas._util.serialization import Value, decode, digest
from qnas.accel.plan.folding import Folding
from qnas.accel.plan.loops import tiles_of_pass
from qnas.accel.plan.memory import ACT_WORD, BYTE_BITS, IN_HALVES, OF_IMAGES
from qnas.architecture import Architecture

StageKind = Literal["load_patches", "load_residual", "gemm", "layer_norm", "softmax"]
Storage = Literal["lutram", "bram", "uram", "registers"]


@dataclass(frozen=True, slots=True)
class Loop(Value):
    """One pipelined loop with an initiation interval of 1.

    Attributes:
        name: The loop.
        trips: Iterations of a pass.
        entries: How often the loop is entered; 0 for a phase that continues in the pipeline of
            the loop before it.
        depth: Cycles that each entry takes beyond the iterations.
        hidden: Iterations of a softmax that run beside loops of the array and take no time of
            their own.
    """

    name: str
    trips: int
    entries: int
    depth: int
    hidden: int = 0

    @property
    def fill_cycles(self) -> int:
        """Cycles of the pipeline beyond its iterations."""
        return self.entries * self.depth


@dataclass(frozen=True, slots=True)
class Stage(Value):
    """One entry of the stage table: an operation mapped to the hardware. Unused numbers are zero.

    All fields but `loops` are those of one image, of which a pass has `batch`.

    Shapes: a GEMM multiplies `rows` x `inner` by `tokens` x `inner`; a LayerNorm or load has
    `tokens` x `channels` (in `rows`); a softmax has `tokens` queries x `inner` keys.

    Each of the `row_tiles` of a product with weights has `w8_rows` 8-bit rows, the first `w8_more`
    of them one more; `param_steps` words of row parameters precede its nibbles.

    `src_base` and `dst_base` are rows of the activation memory (of key memory for keys) that
    include the offset of the head. `*_stride` are bank rows for each token group. `stream_words`
    counts words of the weight stream. `half` is the index of the attention buffer that the stage
    uses. Stages with the same `step` run side by side: a softmax on one attention buffer and
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
    param_steps: int
    w8_rows: int
    w8_more: int
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
        """Iterations of the stage's loops in a pass, without hidden ones."""
        return sum(loop.trips - loop.hidden for loop in self.loops)

    def tiles_of_pass(self, batch: int) -> tuple[int, int]:
        """(row tiles, token tiles of each) of a product in a pass of `batch` images."""
        return tiles_of_pass(self.left, self.row_tiles, self.token_tiles, batch)


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
    """The packing of products into a DSP.

    `rows` row slots times `tokens` tokens make rows * tokens fields, `field_bits` apart. Up to
    `cascade` products (`tk`, if smaller) are summed before the fields are split. With one row and
    one token, a DSP makes one product.
    """

    rows: int
    tokens: int
    field_bits: int
    cascade: int

    @property
    def products(self) -> int:
        """Products of one DSP in a cycle."""
        return self.rows * self.tokens


@dataclass(frozen=True, slots=True)
class Port(Value):
    """One AXI master port.

    It reads or writes `words` of `bits` bits in each pass, in bursts of at most `burst` words, of
    which up to `outstanding` are in flight.
    """

    name: str
    bits: int
    words: int
    direction: Literal["read", "write"]
    burst: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class HardwarePlan(Value):
    """The whole accelerator for one architecture on one device.

    `dsp_wide_bits` x `dsp_narrow_bits` are the signed operand widths of the device's DSPs.
    """

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
    def act_word(self) -> int:
        """Tokens in a word of activation memory."""
        bits = next(buffer.bits for buffer in self.buffers if buffer.name == "act")
        return ACT_WORD if bits == ACT_WORD * BYTE_BITS else 1

    @property
    def weight_ports(self) -> tuple[Port, ...]:
        """Ports that each deliver a part of every word of the weight stream, lowest bits first."""
        return self.ports[: self.folding.weight_ports]

    @property
    def image_port(self) -> Port:
        """The port that reads images."""
        return self.ports[self.folding.weight_ports]

    @property
    def stream_bits(self) -> int:
        """Width in bits of a word of the weight stream."""
        return sum(port.bits for port in self.weight_ports)

    @property
    def stream_words(self) -> int:
        """Words of the weight stream, which is read once a pass."""
        return self.ports[0].words

    @property
    def image_words(self) -> int:
        """Words that the image port brings for one image."""
        return self.image_port.words // self.folding.batch

    @property
    def image_rows(self) -> dict[str, int]:
        """Rows of one image in each buffer that has them for every image of a pass, in one half of
        those that have halves (`head_buffers`)."""
        depths = {buffer.name: buffer.depth for buffer in self.buffers}
        halves = dict.fromkeys(IN_HALVES, self.folding.head_buffers)
        return {
            name: depths[name] // (self.folding.batch * halves.get(name, 1)) for name in OF_IMAGES
        }

    @property
    def digest(self) -> str:
        """Hash over every field, as 64 hexadecimal digits."""
        return digest(self)

    @classmethod
    def from_json(cls, data: Any) -> HardwarePlan:
        """Decode a plan from JSON values.

        Raises:
            ConfigError: A key is wrong; the message names it.
        """
        return decode(cls, data, subject="plan")
