"""Checkpoints of a training run: model and optimizer in one safetensors file, replaced whole."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from qnas.errors import CheckpointError, problem
from qnas.serial import write_atomically
from qnas.supernet.model import Supernet

CHECKPOINT = "checkpoint.safetensors"


def save_checkpoint(
    directory: Path, supernet: Supernet, optimizer: torch.optim.Optimizer, *, epoch: int, run: str
) -> None:
    """`epoch` epochs are complete; `run` is a digest of everything that determines the result."""
    tensors = {f"model.{k}": v.contiguous() for k, v in supernet.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
    data = save(tensors, metadata={"epoch": str(epoch), "run": run})
    write_atomically(directory / CHECKPOINT, data)


def load_checkpoint(
    directory: Path, supernet: Supernet, optimizer: torch.optim.Optimizer, *, run: str
) -> int:
    """Restore the last checkpoint and return its number of complete epochs; 0 without one.

    CheckpointError if it is damaged or belongs to another run.
    """
    path = directory / CHECKPOINT
    if not path.exists():
        return 0
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118
        if metadata.get("run") != run:
            raise ValueError("it belongs to a run with other settings")
        supernet.load_state_dict(_with_prefix(tensors, "model."))
        _restore_optimizer(optimizer, _with_prefix(tensors, "optimizer."))
        return int(metadata["epoch"])
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            problem(str(path), "must be a checkpoint of this run", _text(error), "Delete it.")
        ) from None


def _with_prefix(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _text(error: Exception) -> str:
    return json.dumps(str(error).splitlines()[0][:200]) if str(error) else type(error).__name__
