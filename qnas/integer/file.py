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
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomically(path, save(contiguous, metadata={_HEADER: canonical_json(header)}))


def load_integer(path: Path) -> IntegerNetwork:
    """Read a file of `save_integer`; CheckpointError if it is absent, damaged or inconsistent."""
    try:
        data = path.read_bytes()
        tensors = load(data)
        header = json.loads(metadata_of(data)[_HEADER])
        return _network(tensors, header)
    except (
        *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
        *(RecursionError, SafetensorError, QnasError),
    ) as error:
        raise CheckpointError(
            problem(str(path), "must be a whole integer network", error, "Export it again.")
        ) from None


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
