"""An IntegerNetwork on disk: one safetensors file with architecture and scalars in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from qnas._util.safetensors_header import metadata_of
from qnas._util.serialization import canonical_json, encode, write_atomically
from qnas.architecture import Architecture
from qnas.errors import CheckpointError, QnasError, problem
from qnas.integer.network import IntegerNetwork
from qnas.integer.parameters import MatrixParams, NormParams, SoftmaxParams

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
