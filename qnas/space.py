"""SearchSpace: a set of architectures, and their encoding as a fixed-length genome."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

from qnas._util.field_types import normalise_fields
from qnas._util.serialization import Value, encode
from qnas.architecture import (
    ACTIVATION_BITS,
    EIGHTHS,
    Architecture,
    BlockSpec,
    W8Shares,
    check_size,
)
from qnas.errors import ConfigError, problem

MATRIX_KINDS = ("qkv", "proj", "fc1", "fc2")
LONGEST_NAME = 100
# Fields with choices of sizes, and the name of one size.
_SIZES = {"embed_dims": "embed_dim", "depths": "depth", "num_heads": "num_heads"}
Choice = int | float


@dataclass(frozen=True, slots=True)
class Gene:
    """One categorical parameter of the genome, with its choices in ascending order."""

    name: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Singleton(Value):
    """The space of a single architecture, for training one subnet alone as a supernet."""

    architecture: Architecture

    def __post_init__(self) -> None:
        normalise_fields(self)

    def identity(self) -> dict[str, Any]:
        """Plain data by which runs and checkpoints recognise the space; see `SearchSpace`."""
        data: dict[str, Any] = encode(self)
        if not self.architecture.register_tokens:
            del data["architecture"]["register_tokens"]
        return data

    def largest(self) -> Architecture:
        return self.architecture

    def smallest(self) -> Architecture:
        return self.architecture

    def sample(self, rng: Random) -> Architecture:
        return self.architecture


@dataclass(frozen=True, slots=True)
class SearchSpace(Value):
    """The choices of every elastic dimension, in ascending order.

    The genome always describes the deepest network: the genes of blocks beyond the chosen depth
    are inactive.

    Attributes:
        name: Name of the space.
        image_size: Edge of the square images, in pixels.
        patch_size: Edge of the square patches, in pixels.
        in_channels: Channels of an image.
        num_classes: Number of classes.
        head_dim: Channels of an attention head.
        embed_dims: Choices of the embed dim of the network.
        depths: Choices of the number of blocks.
        num_heads: Choices of the number of heads of each block.
        mlp_ratios: Choices of hidden width / embed dim of each block.
        w8_eighths: Choices of the share of 8-bit rows, in eighths, of each weight matrix of each
            block.
        activation_bits: Width of the activations, the same in the whole space: a supernet is
            trained for one width.
        register_tokens: Number of learned tokens that are neither class token nor patch.
    """

    name: str
    image_size: int
    patch_size: int
    in_channels: int
    num_classes: int
    head_dim: int
    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    mlp_ratios: tuple[float, ...]
    w8_eighths: tuple[int, ...] = tuple(range(EIGHTHS + 1))
    activation_bits: int = ACTIVATION_BITS[0]
    register_tokens: int = 0

    def __post_init__(self) -> None:
        normalise_fields(self)
        if not (0 < len(self.name) <= LONGEST_NAME and self.name.isprintable()):
            rule = f"must be 1 to {LONGEST_NAME} printable characters"
            raise ConfigError(problem("name", rule, repr(self.name), "Choose another name."))
        for field in (*_SIZES, "mlp_ratios", "w8_eighths"):
            choices = getattr(self, field)
            if not choices or list(choices) != sorted(set(choices)):
                rule, remedy = "must be ascending, without repeats", "Sort the choices."
                raise ConfigError(problem(field, rule, choices, remedy))
        for field, name in _SIZES.items():  # checked before a network of that size is built
            for size in getattr(self, field):
                check_size(name, size, subject=field)
        for embed_dim, ratio in product(self.embed_dims, self.mlp_ratios):
            if not (embed_dim * ratio).is_integer():
                value, rule = f"{embed_dim} * {ratio}", "must give whole hidden widths"
                raise ConfigError(problem("mlp_ratios", rule, value, "Choose ratios that do."))
        self.smallest(), self.largest()

    def identity(self) -> dict[str, Any]:
        """Plain data by which runs and checkpoints recognise the space.

        The data leave out default values of fields that earlier versions did not have.
        """
        data: dict[str, Any] = encode(self)
        if not self.register_tokens:
            del data["register_tokens"]
        return data

    def genes(self) -> tuple[Gene, ...]:
        """The genome in a fixed order: embed_dim, depth, then six genes per block."""
        per_block = [
            ("num_heads", self.num_heads),
            ("mlp_ratio", self.mlp_ratios),
            *((f"w8_{kind}", self.w8_eighths) for kind in MATRIX_KINDS),
        ]
        genes = [Gene("embed_dim", self.embed_dims), Gene("depth", self.depths)]
        for block in range(self.depths[-1]):
            genes += [Gene(f"block{block}.{name}", choices) for name, choices in per_block]
        return tuple(genes)

    def decode(self, params: Mapping[str, Choice]) -> Architecture:
        """Decode `params`, one value per gene; inactive genes are ignored."""
        for gene in self.genes():
            if params.get(gene.name) not in gene.choices:
                raise ConfigError(
                    problem(
                        gene.name,
                        f"must be one of {gene.choices}",
                        params.get(gene.name),
                        "Take parameters from this space.",
                    )
                )
        embed_dim, depth = int(params["embed_dim"]), int(params["depth"])
        return self._architecture(
            embed_dim,
            [
                (
                    int(params[f"block{b}.num_heads"]),
                    float(params[f"block{b}.mlp_ratio"]),
                    [int(params[f"block{b}.w8_{kind}"]) for kind in MATRIX_KINDS],
                )
                for b in range(depth)
            ],
        )

    def encode(self, architecture: Architecture) -> dict[str, Choice]:
        """Encode `architecture` as parameters; inactive genes take their first choice.

        Raises:
            ConfigError: The architecture is not in this space.
        """
        params = {gene.name: gene.choices[0] for gene in self.genes()}
        params |= {"embed_dim": architecture.embed_dim, "depth": architecture.depth}
        for b, block in enumerate(architecture.blocks[: self.depths[-1]]):
            params[f"block{b}.num_heads"] = block.num_heads
            params[f"block{b}.mlp_ratio"] = block.mlp_hidden / architecture.embed_dim
            for kind in MATRIX_KINDS:
                params[f"block{b}.w8_{kind}"] = getattr(block.w8, kind)
        if self.decode(params) != architecture:
            raise ConfigError(
                problem(
                    "architecture",
                    f"must belong to the space {self.name!r}",
                    architecture.key,
                    "Use the space it was made in.",
                )
            )
        return params

    def __contains__(self, architecture: object) -> bool:
        if not isinstance(architecture, Architecture):
            return False
        try:
            self.encode(architecture)
        except ConfigError:
            return False
        return True

    def smallest(self) -> Architecture:
        """The architecture with every dimension at its first choice."""
        return self._uniform(0)

    def largest(self) -> Architecture:
        """The architecture with every dimension at its last choice."""
        return self._uniform(-1)

    def middle(self) -> Architecture:
        """The architecture with every dimension at its middle choice, the upper of two middles."""
        return self._uniform(None)

    def sample(self, rng: Random) -> Architecture:
        """Sample an architecture, each active gene uniformly from its choices."""
        return self._architecture(
            rng.choice(self.embed_dims),
            [
                (
                    rng.choice(self.num_heads),
                    rng.choice(self.mlp_ratios),
                    [rng.choice(self.w8_eighths) for _ in MATRIX_KINDS],
                )
                for _ in range(rng.choice(self.depths))
            ],
        )

    def size(self) -> int:
        """Number of distinct architectures."""
        per_block: int = len(self.num_heads) * len(self.mlp_ratios) * len(self.w8_eighths) ** 4
        return len(self.embed_dims) * sum(int(per_block**depth) for depth in self.depths)

    def reference_subnets(self) -> Iterator[Architecture]:
        """The smallest, the middle and the largest architecture."""
        yield self.smallest()
        yield self.middle()
        yield self.largest()

    def log10_size(self) -> float:
        """Decimal logarithm of `size`."""
        return math.log10(self.size())

    def _uniform(self, index: int | None) -> Architecture:
        def pick(choices: tuple[Choice, ...]) -> Choice:
            return choices[len(choices) // 2 if index is None else index]

        block = (
            int(pick(self.num_heads)),
            float(pick(self.mlp_ratios)),
            [int(pick(self.w8_eighths))] * 4,
        )
        return self._architecture(int(pick(self.embed_dims)), [block] * int(pick(self.depths)))

    def _architecture(
        self, embed_dim: int, blocks: list[tuple[int, float, list[int]]]
    ) -> Architecture:
        return Architecture(
            image_size=self.image_size,
            patch_size=self.patch_size,
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            embed_dim=embed_dim,
            head_dim=self.head_dim,
            blocks=tuple(
                BlockSpec(
                    num_heads=heads,
                    mlp_hidden=round(embed_dim * ratio),
                    w8=W8Shares(**dict(zip(MATRIX_KINDS, shares, strict=True))),
                )
                for heads, ratio, shares in blocks
            ),
            activation_bits=self.activation_bits,
            register_tokens=self.register_tokens,
        )
