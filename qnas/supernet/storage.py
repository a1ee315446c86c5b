"""Supernets on disk: safetensors for tensors, JSON for the description; no pickle."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from qnas._util.serialization import decode, encode, read_json, write_atomically, write_json
from qnas.errors import CheckpointError, QnasError, problem
from qnas.space import SearchSpace, Singleton
from qnas.supernet.model import Supernet

TENSORS, DESCRIPTION = "supernet.safetensors", "supernet.json"


def save_supernet(supernet: Supernet, directory: Path, *, training: Any) -> None:
    """Write both files, the description last: its presence marks a complete training."""
    data = save({k: v.contiguous() for k, v in supernet.state_dict().items()})
    write_atomically(directory / TENSORS, data)
    description = {
        "space": encode(supernet.space),
        "input_step": supernet.input_step,
        "sha256": hashlib.sha256(data).hexdigest(),
        "training": encode(training),
    }
    write_json(directory / DESCRIPTION, description)


def load_supernet(directory: Path) -> Supernet:
    """Load a supernet; CheckpointError if a file is absent or damaged, or the two do not match."""
    description = read_json(directory / DESCRIPTION)
    data = read_tensors(directory / TENSORS, sha256=_field(description, "sha256"))
    try:
        space = _space(_field(description, "space"))
        supernet = Supernet(space, input_step=float(_field(description, "input_step")))
        supernet.load_state_dict(data)
        return supernet.eval()
    except RuntimeError:  # torch's message lists every name
        reason = "tensors of another space"
    except (TypeError, ValueError, OverflowError, QnasError) as error:
        reason = str(error)
    rule = "must hold a supernet of its space"
    raise CheckpointError(problem(str(directory), rule, reason, "Train again."))


def read_tensors(path: Path, *, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a safetensors file; CheckpointError if it is damaged or its SHA-256 is not `sha256`."""
    try:
        data = path.read_bytes()
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError("its SHA-256 differs from the recorded one")
        tensors: dict[str, Tensor] = load(data)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            problem(str(path), "must be a whole safetensors file", error, "Delete it and train.")
        ) from None
    return tensors


def _space(data: Any) -> SearchSpace | Singleton:
    if "architecture" in data:
        return decode(Singleton, data, subject=DESCRIPTION)
    return decode(SearchSpace, data, subject=DESCRIPTION)


def _field(description: Any, name: str) -> Any:
    if not isinstance(description, dict) or name not in description:
        raise CheckpointError(
            problem(DESCRIPTION, f"must have the key {name!r}", "nothing", "Train again.")
        )
    return description[name]
