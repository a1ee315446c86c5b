"""IntegerNetwork: the integer reference, which C simulation and RTL must equal bit for bit.

The reference runs the same `network_operations` that the hardware plan is lowered from, one batch
at a time (`forward`), in exact integer arithmetic (`numerics`), without floating-point rounding.

On disk it is one safetensors file with architecture and scalars in its header.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from qnas._util.safetensors_header import metadata_of
from qnas._util.serialization import canonical_json, encode, write_atomically
from qnas.architecture import Architecture
from qnas.errors import CheckpointError, ConfigError, QnasError, problem
from qnas.integer.forward import IntegerRun
from qnas.integer.parameters import (
    MatrixParams,
    NetworkParams,
    NormParams,
    SoftmaxParams,
    check_ranges,
)
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


# The header stores scalars by name; in an array they would lose their names.
_HEADER = "network"


def save_integer(network: IntegerNetwork, path: Path) -> None:
    """Write `network` to `path` atomically. Equal networks give equal bytes."""
    tensors: dict[str, np.ndarray] = {"position": network.position}
    for name, matrix in network.weights.items():
        tensors |= {f"{name}:{f.name}": getattr(matrix, f.name) for f in fields(matrix)}
    for name, norm in network.norms.items():
        tensors |= {f"{name}:gain": norm.gain, f"{name}:bias": norm.bias}
    tensors |= {f"{name}:gelu": table for name, table in network.gelus.items()}
    header = {
        "architecture": network.architecture,
        "input_step": network.input_step,
        "logit_step": network.logit_step,
        "norms": {n: [p.shift, p.epsilon] for n, p in network.norms.items()},
        "softmaxes": {n: encode(p) for n, p in network.softmaxes.items()},
    }
    contiguous = {name: np.ascontiguousarray(_narrowed(array)) for name, array in tensors.items()}
    write_atomically(path, save(contiguous, metadata={_HEADER: canonical_json(header)}))


def load_integer(path: Path) -> IntegerNetwork:
    """Read a file of `save_integer`; CheckpointError if it is absent, damaged or inconsistent."""
    try:
        data = path.read_bytes()
        tensors = {name: _widened(array) for name, array in load(data).items()}
        header = json.loads(metadata_of(data)[_HEADER])
        return _network(tensors, header)
    except (
        *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
        *(RecursionError, SafetensorError, QnasError),
    ) as error:
        raise CheckpointError(
            problem(str(path), "must be a whole integer network", error, "Export it again.")
        ) from None


def _narrowed(array: np.ndarray) -> np.ndarray:
    """Integers in the fewest bytes that hold all of them; booleans as they are."""
    if array.dtype == np.bool_ or not array.size:
        return array
    least, most = int(array.min()), int(array.max())
    ranges = {kind: np.iinfo(kind) for kind in (np.int8, np.int16, np.int32, np.int64)}
    fits = (kind for kind, r in ranges.items() if r.min <= least and most <= r.max)
    return array.astype(next(fits))


def _widened(array: np.ndarray) -> np.ndarray:
    """Integers of any width as int64, the type of all arithmetic; other types as they are."""
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _network(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> IntegerNetwork:
    matrices = [name.removesuffix(":weight") for name in tensors if name.endswith(":weight")]
    logit_step = header.get("logit_step")  # absent in older files
    gelus = [name.removesuffix(":gelu") for name in tensors if name.endswith(":gelu")]
    return IntegerNetwork(
        architecture=Architecture.from_json(header["architecture"]),
        input_step=float(header["input_step"]),
        logit_step=None if logit_step is None else float(logit_step),
        position=tensors["position"],
        weights={
            name: MatrixParams(*(tensors[f"{name}:{f.name}"] for f in fields(MatrixParams)))
            for name in matrices
        },
        norms={
            name: NormParams(tensors[f"{name}:gain"], tensors[f"{name}:bias"], int(shift), int(eps))
            for name, (shift, eps) in header["norms"].items()
        },
        softmaxes={name: SoftmaxParams(**p) for name, p in header["softmaxes"].items()},
        gelus={name: tensors[f"{name}:gelu"] for name in gelus},
    )
