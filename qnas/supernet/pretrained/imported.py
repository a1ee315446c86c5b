"""Imported: a pretrained checkpoint matched with a space, and the record of what is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from qnas.architecture import EIGHTHS, Architecture, BlockSpec, W8Shares
from qnas.errors import CheckpointError, problem
from qnas.space import SearchSpace, Singleton
from qnas.supernet.pretrained.function import (
    FACTS,
    Function,
    Pretrained,
    check_function,
    settled,
)
from qnas.supernet.pretrained.names import State
from qnas.supernet.pretrained.read import read
from qnas.supernet.pretrained.shape import Shape, check_values
from qnas.supernet.pretrained.stored import plain


@dataclass(frozen=True, slots=True)
class Imported:
    """The record of a plain ViT's weights loaded into a supernet.

    Attributes:
        source: The timm name, file or folder.
        sha256: SHA-256 of the weights.
        where: Position of the tensors inside the file; "" for the whole file.
        function: The properties of the ViT's function, with their sources.
        architecture: The subnet that equals the ViT with quantization off; all its rows are 8-bit.
        grid: Number of patches along an image edge that the ViT has positions for.
        prefix_position: Whether its class token and registers have positions.
        head: Whether the classification head is loaded.
        left_out: Names of tensors that are not loaded.
        resampled: A sentence on interpolated positions; "" if they match.
        outside: The reason why `architecture` is not in the space; "" if it is.
        remarks: Sentences on differences from the source.
        mean: Mean of the ViT's training images by channel, if known.
        std: Standard deviation of the ViT's training images by channel, if known.
    """

    source: str
    sha256: str
    where: str
    function: Function
    architecture: Architecture
    grid: int
    prefix_position: bool
    head: bool
    left_out: tuple[str, ...]
    resampled: str
    outside: str
    remarks: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def lines(self) -> list[str]:
        """Lines for the console: what was loaded, the sources of its properties, and the
        differences from the source."""
        arch, block = self.architecture, self.architecture.blocks[0]
        patch, grid = arch.patch_size, self.grid
        return [
            f"weights of {plain(self.source, 120)}{self.where}: {arch.depth} blocks of "
            f"{arch.embed_dim} channels, {block.num_heads} heads, MLP width {block.mlp_hidden}, "
            f"{grid} x {grid} patches of {patch} x {patch} pixels",
            f"heads, activation and the like as {plain(self.function.by, 160)} says",
            *(f"left out: {what}" for what in self.left_out),
            *([f"resampled: {self.resampled}"] if self.resampled else []),
            *([f"outside the space: {self.outside}"] if self.outside else []),
            *self.remarks,
        ]


def read_pretrained(space: SearchSpace | Singleton, given: Pretrained) -> tuple[State, Imported]:
    """Read the tensors by timm's names, and match them with `space`. Raises as
    `load_pretrained`."""
    found, source = read(given), given.source
    for subject, rule, value, holds in _rules(found.shape, space):
        _require(f"{source}: {subject}", rule, value, holds)
    head = found.shape.classes == space.largest().num_classes
    needed = [fact for fact in FACTS if fact != "pooling" or head]
    function = settled(found.statements, source=source, needed=needed, remarks=found.remarks)
    remarks = check_function(function, source=source, head=head)
    architecture = _architecture(source, space, found.shape, function)
    try:
        check_values(found.tensors)
    except ValueError as error:
        rule, remedy = "must hold trained, finite weights", "Take one from before it diverged."
        raise CheckpointError(problem(source, rule, error, remedy)) from None
    return found.tensors, Imported(
        source=source,
        sha256=found.sha256,
        where=found.where,
        function=function,
        architecture=architecture,
        grid=found.shape.side,
        prefix_position=found.shape.prefix_position,
        head=head,
        left_out=(*_head(found.shape, space), *found.left_out),
        resampled=_resampled(found.shape, architecture),
        outside="; ".join(_outside(space, architecture)),
        remarks=(*remarks, *found.remarks),
        mean=found.mean,
        std=found.std,
    )


def _require(subject: str, rule: str, value: object, holds: bool) -> None:
    if not holds:
        remedy = "Choose another checkpoint, or a space that holds it."
        raise CheckpointError(problem(subject, rule, value, remedy))


def _rules(found: Shape, space: SearchSpace | Singleton) -> list[tuple[str, str, object, bool]]:
    largest = space.largest()
    block, head = largest.blocks[0], largest.head_dim
    at_most = [
        ("embed_dim", found.embed_dim, largest.embed_dim),
        ("depth", found.depth, largest.depth),
        ("MLP width", found.mlp_hidden, block.mlp_hidden),
        ("attention width", found.embed_dim, block.num_heads * head),
    ]
    equal = [
        ("patch size", found.patch_size, largest.patch_size),
        ("channels of its images", found.in_channels, largest.in_channels),
        ("number of register tokens", found.registers, largest.register_tokens),
    ]
    name = _name(space)
    rules = [(s, f"must be at most {m}, that of {name}", v, v <= m) for s, v, m in at_most]
    rules += [(s, f"must be {m}, that of {name}", v, v == m) for s, v, m in equal]
    rule = f"must be a multiple of the head_dim of {name}, {head}"
    return [*rules, ("embed_dim", rule, found.embed_dim, found.embed_dim % head == 0)]


def _name(space: SearchSpace | Singleton) -> str:
    return f"the space {getattr(space, 'name', '')!r}"


def _architecture(
    source: str, space: SearchSpace | Singleton, found: Shape, function: Function
) -> Architecture:
    largest, heads = space.largest(), function.heads
    assert heads is not None, "settled needs it"
    rule = f"must be {found.embed_dim // largest.head_dim} in {found.embed_dim} channels, as "
    rule += f"{_name(space)} has a head_dim of {largest.head_dim}"
    fits = heads * largest.head_dim == found.embed_dim
    _require(f"{source}: heads", rule, plain(heads), fits)
    shares = W8Shares(**{field.name: EIGHTHS for field in fields(W8Shares)})
    return Architecture(
        image_size=largest.image_size,
        patch_size=largest.patch_size,
        in_channels=largest.in_channels,
        num_classes=largest.num_classes,
        embed_dim=found.embed_dim,
        head_dim=largest.head_dim,
        blocks=(BlockSpec(heads, found.mlp_hidden, shares),) * found.depth,
        activation_bits=largest.activation_bits,
        register_tokens=largest.register_tokens,
    )


def _head(found: Shape, space: SearchSpace | Singleton) -> Iterator[str]:
    classes = space.largest().num_classes
    if not found.classes:
        yield f"the head: it has none; that of the {classes} classes starts anew"
    elif found.classes != classes:
        yield f"the head: its {found.classes} classes are not the {classes} of {_name(space)}"


def _resampled(found: Shape, arch: Architecture) -> str:
    side = arch.image_size // arch.patch_size
    if found.side == side:
        return ""
    return f"positions, from {found.side} x {found.side} patches to {side} x {side}"


def _outside(space: SearchSpace | Singleton, arch: Architecture) -> Iterator[str]:
    """The sizes of `arch` that are not among the space's choices."""
    if isinstance(space, Singleton):
        return
    block = arch.blocks[0]
    for what, value, choices in (
        ("embed dim", arch.embed_dim, space.embed_dims),
        ("depth", arch.depth, space.depths),
        ("heads", block.num_heads, space.num_heads),
        ("MLP ratio", block.mlp_hidden / arch.embed_dim, space.mlp_ratios),
    ):
        if value not in choices:
            shown = ", ".join(f"{choice:g}" for choice in choices)
            yield f"its {what} {value:g} is none of {shown}"
