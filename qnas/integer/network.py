"""IntegerNetwork: the integer reference, which C simulation and RTL must equal bit for bit.

The reference runs the same `network_operations` that the hardware plan is lowered from, one batch
at a time (`forward`), in exact integer arithmetic (`numerics`), without floating-point rounding.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from qnas.errors import ConfigError, problem
from qnas.integer.forward import IntegerRun
from qnas.integer.parameters import NetworkParams
from qnas.integer.ranges import check_ranges
from qnas.numerics import Ints


class IntegerNetwork(NetworkParams):
    """A network with integer parameters that fit their formats.

    Raises:
        CapacityError: A parameter does not fit its format.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self)

    def quantize_images(self, images: NDArray[np.float32]) -> Ints:
        """Quantize normalised images (B, C, H, W) to activations (B, patches, patch_dim)."""
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
        """Yield each operation's name and output (B, ...) in execution order.

        The output of a softmax is the concatenation of the flattened probabilities (queries,
        keys), the multipliers (queries,) and the shifts (queries,).
        """
        run = IntegerRun(self, patches)
        for op in self.operations:
            yield op.name, run.output(op)

    def logits(self, patches: Ints) -> Ints:
        """Compute the logits (B, classes), integers of one common scale, of patches (B, patches,
        patch_dim)."""
        *_, (_, logits) = self.trace(patches)
        return logits

    def predict(self, images: NDArray[np.float32], *, batch: int = 256) -> Ints:
        """Predict the class of each normalised image (n, C, H, W), the lowest index on ties."""
        parts = [images[i : i + batch] for i in range(0, len(images), batch)]
        classes = [self.logits(self.quantize_images(part)).argmax(axis=1) for part in parts]
        return np.concatenate(classes)
