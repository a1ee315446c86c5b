"""Architecture: one subnet as an immutable value, and the only encoding of a subnet."""

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
    "register_tokens": 1 << 10,
}
MOST_WEIGHTS = 1 << 34
ACTIVATION_BITS = (6, 8)  # widths that activations may have; the first is the default


def w8_rows(rows: int, eighths: int) -> int:
    """The number of 8-bit rows among `rows` at a share of `eighths`/8, rounded half up."""
    return (rows * eighths + EIGHTHS // 2) // EIGHTHS


@dataclass(frozen=True, slots=True)
class W8Shares(Value):
    """The share of 8-bit rows, in eighths (0..8), of each weight matrix of a block.

    `qkv` is the share of each of the three matrices for queries, keys and values.
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
    """One transformer block. Its attention width is num_heads * head_dim, as in AutoFormer."""

    num_heads: int
    mlp_hidden: int
    w8: W8Shares

    def __post_init__(self) -> None:
        normalise_fields(self)
        for name in ("num_heads", "mlp_hidden"):
            check_size(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class Architecture(Value):
    """A quantized vision transformer: frozen, hashable, convertible to and from JSON.

    The network has one class token, a learned position embedding, pre-norm blocks and a head on
    the class token. It may have register tokens (arXiv:2309.16588), which come last.

    Attributes:
        image_size: Edge of the square images, in pixels.
        patch_size: Edge of the square patches, in pixels.
        in_channels: Channels of an image.
        num_classes: Number of classes.
        embed_dim: D, channels of a token.
        head_dim: K, channels of an attention head; the same in all blocks.
        blocks: The transformer blocks, in order.
        stem_w8: Share of 8-bit rows of the patch embedding, in eighths.
        head_w8: Share of 8-bit rows of the classification head, in eighths.
        activation_bits: Width of the symmetric integer activations: 6 (-31..31) or 8 (-127..127).
        register_tokens: Number of learned tokens that are neither class token nor patch.
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
    register_tokens: int = 0

    def __post_init__(self) -> None:
        normalise_fields(self)
        for name in IMAGE_SIZES:
            check_size(name, getattr(self, name))
        check_size("embed_dim", self.embed_dim)
        check_size("depth", len(self.blocks), subject="number of blocks")
        _check_eighths("stem_w8", self.stem_w8)
        _check_eighths("head_w8", self.head_w8)
        check_activation_bits(self.activation_bits)
        check_register_tokens(self.register_tokens)
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
        """The number of weights of all matrices and of the position embedding."""
        ends = self.patch_dim + self.num_tokens + self.num_classes
        blocks = (4 * b.num_heads * self.head_dim + 2 * b.mlp_hidden for b in self.blocks)
        return self.embed_dim * (ends + sum(blocks))

    def with_share(self, block: int, matrix: str, eighths: int) -> Architecture:
        """This architecture with another share of 8-bit rows in one matrix ("qkv", ...)."""
        blocks = list(self.blocks)
        w8 = dataclasses.replace(blocks[block].w8, **{matrix: eighths})
        blocks[block] = dataclasses.replace(blocks[block], w8=w8)
        return dataclasses.replace(self, blocks=tuple(blocks))

    def with_shares(self, eighths: int) -> Architecture:
        """This architecture with one share of 8-bit rows in all matrices of its blocks."""
        w8 = W8Shares(*(eighths for _ in dataclasses.fields(W8Shares)))
        blocks = tuple(dataclasses.replace(block, w8=w8) for block in self.blocks)
        return dataclasses.replace(self, blocks=blocks)

    @property
    def num_patches(self) -> int:
        """Number of patches of an image."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def num_tokens(self) -> int:
        """N, the number of tokens: the class token, one token per patch, then the registers."""
        return 1 + self.num_patches + self.register_tokens

    @property
    def patch_dim(self) -> int:
        """Values of one patch: channels times pixels."""
        return self.in_channels * self.patch_size**2

    @property
    def depth(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def attention_dim(self, block: int) -> int:
        """H * K, the width of a block's queries, keys and values."""
        return self.blocks[block].num_heads * self.head_dim

    @property
    def key(self) -> str:
        """16 hexadecimal digits that identify this architecture in every version and run.

        The digest leaves out default values of fields that earlier versions did not have.
        """
        data = self.to_json()
        if self.activation_bits == ACTIVATION_BITS[0]:
            del data["activation_bits"]
        if not self.register_tokens:
            del data["register_tokens"]
        return digest(data, length=16)

    def to_json(self) -> dict[str, Any]:
        """Encode every field in plain JSON types."""
        data: dict[str, Any] = encode(self)
        return data

    @classmethod
    def from_json(cls, data: Any) -> Architecture:
        """Decode the value of `to_json`.

        Raises:
            ConfigError: A key is missing, unknown or has a wrong value.
        """
        return decode(cls, data, subject="architecture")


def check_activation_bits(bits: int) -> None:
    """Raise ConfigError unless activations of `bits` bits exist."""
    if bits not in ACTIVATION_BITS:
        rule = "must be 6 or 8"
        raise ConfigError(problem("activation_bits", rule, bits, "Choose one of them."))


def check_register_tokens(count: int) -> None:
    """Raise ConfigError unless a network may have `count` register tokens."""
    if count:
        check_size("register_tokens", count)


def check_size(name: str, value: int, *, subject: str = "") -> None:
    """Raise ConfigError unless 1 <= `value` <= MOST[name].

    A larger size is a typing error, and a network of that size would not fit into memory.
    """
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
