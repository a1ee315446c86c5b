"""The space of one pretrained ViT: its own sizes, and every share of 8-bit rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qnas.architecture import ACTIVATION_BITS
from qnas.errors import CheckpointError, ConfigError, problem
from qnas.space import SearchSpace
from qnas.supernet.pretrained.function import FACTS, Pretrained, check_function, settled
from qnas.supernet.pretrained.read import read
from qnas.supernet.pretrained.stored import plain


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A pretrained ViT as a space of its own, with mean and standard deviation of its training
    images by channel, if known."""

    space: SearchSpace
    mean: tuple[float, ...]
    std: tuple[float, ...]


def own_model(
    given: Pretrained,
    *,
    name: str,
    image_size: int = 0,
    activation_bits: int = ACTIVATION_BITS[0],
) -> OwnModel:
    """Read a pretrained ViT and make the space whose only free choices are the shares of rows.

    Args:
        given: The weights, and what their source does not state.
        name: Name of the space.
        image_size: Edge of the images in pixels, if the model shall run on another size than it
            was trained on; its positions are then interpolated. 0 for its own.
        activation_bits: Width of the activations.

    Raises:
        CheckpointError: The source is no ViT that the hardware computes, or has no head.
        ConfigError: No source states a property of the function, or the sizes are none of a space.
        UnknownNameError: timm has no model of this name.
    """
    found, source = read(given), given.source
    shape = found.shape
    if not shape.classes:
        rule, remedy = "must have a head", "Train one: `pretrained` of a study starts from it."
        raise CheckpointError(problem(source, rule, "none", remedy))
    function = settled(found.statements, source=source, needed=FACTS, remarks=found.remarks)
    check_function(function, source=source, head=True)
    heads = function.heads
    assert heads is not None, "settled needs it"
    if shape.embed_dim % heads:
        rule = f"must divide its {shape.embed_dim} channels"
        raise ConfigError(problem(f"{source}: heads", rule, plain(heads), "Correct the number."))
    space = SearchSpace(
        name=name,
        image_size=image_size or shape.side * shape.patch_size,
        patch_size=shape.patch_size,
        in_channels=shape.in_channels,
        num_classes=shape.classes,
        head_dim=shape.embed_dim // heads,
        embed_dims=(shape.embed_dim,),
        depths=(shape.depth,),
        num_heads=(heads,),
        mlp_ratios=(_ratio(shape.mlp_hidden, shape.embed_dim),),
        activation_bits=activation_bits,
        register_tokens=shape.registers,
    )
    return OwnModel(space, found.mean, found.std)


def _ratio(hidden: int, embed_dim: int) -> float:
    """The number whose product with `embed_dim` is `hidden` without a rounding error."""
    ratio = hidden / embed_dim
    near = (ratio, math.nextafter(ratio, 0), math.nextafter(ratio, math.inf))
    return next(value for value in near if value * embed_dim == hidden)
