"""IntegerNetwork: the integer reference. Every rung below it equals it bit for bit.

It walks the same `network_operations` that the hardware plan is lowered from, a batch at a time
(`integer_run`), in exact integer arithmetic (`numerics`). Nothing in it rounds as a float does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qnas import numerics as num
from qnas.architecture import Architecture
from qnas.errors import ConfigError, problem
from qnas.integer.forward import IntegerRun
from qnas.integer.ranges import check_ranges
from qnas.numerics import Ints
from qnas.operations import Operation, network_operations


@dataclass(frozen=True, eq=False)
class MatrixParams:
    """A weight matrix and the requantization of its rows, in the model's row order.

    weight (rows, inner): -8..7 in 4-bit rows, -119..119 in 8-bit rows; is_w8 (rows,) bool;
    bias (rows,) in 2**-8 output steps, 26 bits; mult, shift (rows,): mult / 2**shift.
    """

    weight: Ints
    is_w8: NDArray[np.bool_]
    bias: Ints
    mult: Ints
    shift: Ints


@dataclass(frozen=True, eq=False)
class NormParams:
    """LayerNorm: gain (D,) 18-bit and bias (D,) 36-bit in 2**-shift output steps; epsilon >= 1."""

    gain: Ints
    bias: Ints
    shift: int
    epsilon: int


@dataclass(frozen=True)
class SoftmaxParams:
    """mult / 2**shift: score to 2**-8 octaves. out_mult / 2**out_shift: value to output step."""

    mult: int
    shift: int
    out_mult: int
    out_shift: int


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Weights and scales of one subnet, all integers, keyed by operation name.

    `input_step` turns normalised float images into activations; `position` (N, D) is class
    token and position embedding in residual steps. CapacityError if a parameter does not fit its
    format.
    """

    architecture: Architecture
    input_step: float
    position: Ints
    weights: Mapping[str, MatrixParams]
    norms: Mapping[str, NormParams]
    softmaxes: Mapping[str, SoftmaxParams]
    gelus: Mapping[str, Ints]
    operations: tuple[Operation, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "operations", network_operations(self.architecture))
        check_ranges(self)

    @property
    def act_max(self) -> int:
        """Largest activation, in magnitude too."""
        return num.act_max(self.architecture.activation_bits)

    def quantize_images(self, images: NDArray[np.float32]) -> Ints:
        """(B, C, H, W) normalised floats to (B, N-1, patch_dim) activations."""
        arch = self.architecture
        batch, side, patch = len(images), arch.image_size // arch.patch_size, arch.patch_size
        if images.shape[1:] != (arch.in_channels, arch.image_size, arch.image_size):
            raise ConfigError(
                problem(
                    "images",
                    f"must be (B, {arch.in_channels}, {arch.image_size}, {arch.image_size})",
                    images.shape,
                    "Resize or convert them.",
                )
            )
        steps = np.rint(images.astype(np.float64) / self.input_step)
        pixels = np.clip(steps, -self.act_max, self.act_max).astype(np.int64)
        grid = pixels.reshape(batch, arch.in_channels, side, patch, side, patch)
        return grid.transpose(0, 2, 4, 1, 3, 5).reshape(batch, side * side, arch.patch_dim)

    def trace(self, patches: Ints) -> Iterator[tuple[str, Ints]]:
        """(operation name, its output tensor (B, ...)) in execution order. For the softmax the
        probabilities (queries, keys), multipliers and shifts (queries), flattened in a row."""
        run = IntegerRun(self, patches)
        for op in self.operations:
            yield op.name, run.output(op)

    def logits(self, patches: Ints) -> Ints:
        """(B, N-1, patch_dim) integers to (B, classes) integers of one common scale."""
        *_, (_, logits) = self.trace(patches)
        return logits

    def predict(self, images: NDArray[np.float32], *, batch: int = 256) -> Ints:
        """Class of each float image; the lowest index on ties."""
        parts = [images[i : i + batch] for i in range(0, len(images), batch)]
        classes = [self.logits(self.quantize_images(part)).argmax(axis=1) for part in parts]
        return np.concatenate(classes)
