"""Architecture: one subnet, as a value. The only encoding of a subnet that exists."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value, decode, digest, encode
from qnas.errors import ConfigError, problem

EIGHTHS = 8
IMAGE_SIZES = ("image_size", "patch_size", "in_channels", "num_classes", "head_dim")
MOST = {
    "image_size": 1 << 14,
    "patch_size": 1 << 14,
    "in_channels": 1 << 10,
    "num_classes": 1 << 20,
    "head_dim": 1 << 12,
    "embed_dim": 1 << 16,
    "num_heads": 1 << 10,
    "mlp_hidden": 1 << 20,
    "depth": 1 << 10,
}
MOST_WEIGHTS = 1 << 34
ACTIVATION_BITS = (6, 8)  # widths that activations may have; the first is the default


def w8_rows(rows: int, eighths: int) -> int:
    """How many of `rows` rows are 8-bit at a share of `eighths`/8, rounded half up."""
    return (rows * eighths + EIGHTHS // 2) // EIGHTHS


@dataclass(frozen=True, slots=True)
class W8Shares(Value):
    """Share of 8-bit rows, in eighths (0..8), of each kind of weight matrix of a block.

    `qkv` holds for the query, key and value matrices, each on its own.
    """

    qkv: int
    proj: int
    fc1: int
    fc2: int

    def __post_init__(self) -> None:
        normalise_fields(self)
        for field in dataclasses.fields(self):
            _check_eighths(field.name, getattr(self, field.name))


@dataclass(frozen=True, slots=True)
class BlockSpec(Value):
    """One transformer block: attention width is num_heads * head_dim, as in AutoFormer."""

    num_heads: int
    mlp_hidden: int
    w8: W8Shares

    def __post_init__(self) -> None:
        normalise_fields(self)
        for name in ("num_heads", "mlp_hidden"):
            check_size(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class Architecture(Value):
    """A quantized vision transformer: frozen, hashable, JSON both ways, with a stable key.

    Square images of `image_size` pixels in patches of `patch_size`, one class token, learned
    position embedding, pre-norm blocks, class-token head. `head_dim` is shared by all blocks.
    Activations are symmetric integers of `activation_bits` bits: 6 (-31..31) or 8 (-127..127).
    """

    image_size: int
    patch_size: int
    in_channels: int
    num_classes: int
    embed_dim: int
    head_dim: int
    blocks: tuple[BlockSpec, ...]
    stem_w8: int = EIGHTHS
    head_w8: int = EIGHTHS
    activation_bits: int = ACTIVATION_BITS[0]

    def __post_init__(self) -> None:
        normalise_fields(self)
        for name in IMAGE_SIZES:
            check_size(name, getattr(self, name))
        check_size("embed_dim", self.embed_dim)
        check_size("depth", len(self.blocks), subject="number of blocks")
        _check_eighths("stem_w8", self.stem_w8)
        _check_eighths("head_w8", self.head_w8)
        check_activation_bits(self.activation_bits)
        if self.image_size % self.patch_size:
            raise ConfigError(
                problem(
                    "image_size",
                    "must be a multiple of `patch_size`",
                    f"{self.image_size} and {self.patch_size}",
                    "Choose sizes that divide.",
                )
            )
        if self._weights() > MOST_WEIGHTS:
            rule, value = f"must have at most {MOST_WEIGHTS:,} weights", f"{self._weights():,}"
            raise ConfigError(problem("architecture", rule, value, "Choose smaller sizes."))

    def _weights(self) -> int:
        """Of all matrices and of the position embedding."""
        ends = self.patch_dim + self.num_tokens + self.num_classes
        blocks = (4 * b.num_heads * self.head_dim + 2 * b.mlp_hidden for b in self.blocks)
        return self.embed_dim * (ends + sum(blocks))

    @property
    def num_patches(self) -> int:
        """Patches of an image."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def num_tokens(self) -> int:
        """N: the class token and one token a patch."""
        return self.num_patches + 1

    @property
    def patch_dim(self) -> int:
        """Inputs of one patch: channels times pixels."""
        return self.in_channels * self.patch_size**2

    @property
    def depth(self) -> int:
        """How many blocks there are."""
        return len(self.blocks)

    def attention_dim(self, block: int) -> int:
        """H * K of a block: width of its queries, keys and values."""
        return self.blocks[block].num_heads * self.head_dim

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name this architecture, stable across versions and runs.

        Activations of the default width are not part of it: they had no name in earlier versions.
        """
        data = self.to_json()
        if self.activation_bits == ACTIVATION_BITS[0]:
            del data["activation_bits"]
        return digest(data, length=16)

    def to_json(self) -> dict[str, Any]:
        """Every field, in plain JSON types."""
        data: dict[str, Any] = encode(self)
        return data

    @classmethod
    def from_json(cls, data: Any) -> Architecture:
        """Inverse of `to_json`; ConfigError names the key at fault."""
        return decode(cls, data, subject="architecture")


def check_activation_bits(bits: int) -> None:
    """ConfigError unless activations of `bits` bits exist."""
    if bits not in ACTIVATION_BITS:
        rule = "must be 6 or 8"
        raise ConfigError(problem("activation_bits", rule, bits, "Choose one of them."))


def check_size(name: str, value: int, *, subject: str = "") -> None:
    """ConfigError unless 1 <= `value` <= MOST[name]: beyond it is a slip of the pen, and what is
    made of it would not fit into memory."""
    if value < 1:
        rule, remedy = "must be at least 1", "Choose a positive number."
        raise ConfigError(problem(subject or name, rule, value, remedy))
    if value > MOST[name]:
        rule = f"must be at most {MOST[name]:,}"
        raise ConfigError(problem(subject or name, rule, value, "Choose a smaller one."))


def _check_eighths(name: str, value: int) -> None:
    if not 0 <= value <= EIGHTHS:
        raise ConfigError(
            problem(name, "must be a share in eighths, 0..8", value, "Choose 0 to 8.")
        )
