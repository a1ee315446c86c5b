"""Checkpoints of a training run: one safetensors file of weights, their average and the optimizer's
state, replaced atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from qnas._util.safetensors_header import is_whole, metadata_of, sealed
from qnas._util.serialization import encode, write_atomically
from qnas.errors import CheckpointError, problem
from qnas.supernet.model import Supernet
from qnas.training.logs import CHECKPOINT
from qnas.training.optimizing import WeightAverage

PRETRAINED = "pretrained.safetensors"  # the largest subnet after the floating-point phase


@dataclass(frozen=True, slots=True)
class TrainingIdentity:
    """The training that a checkpoint belongs to: the name of the space, and a digest of everything
    that determines the result."""

    space: str
    digest: str


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The progress of a training.

    Attributes:
        step: Number of steps done.
        seconds: Time of all steps so far.
        told_seconds: `seconds` at the last line of the log.
        loss_total: Sum of the losses since that line.
        loss_steps: Number of steps since that line.
        quantized: Whether the floating-point phase is over and all steps are calibrated.
        passes: What computed the quantizers, "compiled" or "torch" (`native.operators`); both if a
            resumption changed it, and "" in checkpoints that do not record it.
    """

    step: int = 0
    seconds: float = 0.0
    told_seconds: float = 0.0
    loss_total: float = 0.0
    loss_steps: int = 0
    quantized: bool = False
    passes: str = ""

    def computed_by(self, passes: str) -> TrainingProgress:
        """This progress in a training that `passes` compute from here on."""
        if self.step and self.passes and not self.passes.endswith(passes):
            passes = f"{self.passes}, from step {self.step} {passes}"
        return replace(self, passes=passes)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a training step changes."""

    supernet: Supernet
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None

    def finite(self) -> bool:
        """Whether every weight is finite."""
        norms = torch._foreach_norm([p.detach() for p in self.supernet.parameters()])
        return bool(torch.stack(norms).isfinite().all())


def save_checkpoint(
    directory: Path, state: State, *, place: TrainingProgress, run: TrainingIdentity
) -> None:
    """Replace the checkpoint in `directory`."""
    tensors = {f"model.{k}": v.contiguous() for k, v in state.supernet.state_dict().items()}
    numbers: dict[str, Any] = {"groups": [], "optimizer": {}, "average": 0}
    optimizer = state.optimizer.state_dict()
    for index, entries in optimizer["state"].items():
        for key, value in entries.items():
            kind: dict[str, Any] = tensors if isinstance(value, Tensor) else numbers["optimizer"]
            name = f"optimizer.{index}.{key}" if isinstance(value, Tensor) else f"{index}.{key}"
            kind[name] = value
    for group in optimizer["param_groups"]:
        numbers["groups"].append({k: v for k, v in group.items() if k != "params"})
    if state.average:
        tensors |= {f"average.{i}": t for i, t in enumerate(state.average.mean)}
        numbers["average"] = state.average.updates
    metadata = {"space": run.space, "run": run.digest, "place": json.dumps(encode(place))}
    data = sealed(save(tensors, metadata=metadata | {"numbers": json.dumps(numbers)}))
    write_atomically(directory / CHECKPOINT, data)


def load_checkpoint(directory: Path, state: State, *, run: TrainingIdentity) -> TrainingProgress:
    """Restore the last checkpoint into `state` and return its progress.

    Without a checkpoint the progress is that of a new training. Raises CheckpointError if the
    checkpoint is damaged, or of another space or run.
    """
    path = directory / CHECKPOINT
    if not path.exists():
        return TrainingProgress()
    try:
        data = path.read_bytes()
        tensors, metadata = load(data), metadata_of(data)
        if not is_whole(data):
            raise ValueError("its tensors are not those that were written")
        _check(metadata, run)
        _restore(state, tensors, json.loads(metadata["numbers"]))
        return TrainingProgress(**json.loads(metadata["place"]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        rule, remedy = "must be a checkpoint of this run", "Delete it, or train in another run."
        raise CheckpointError(problem(str(path), rule, _text(error), remedy)) from None


def stored_progress(directory: Path) -> TrainingProgress:
    """The progress of the checkpoint in `directory`, without its tensors; that of a new training if
    there is none, or none that `load_checkpoint` accepts."""
    try:
        with safe_open(directory / CHECKPOINT, framework="pt") as file:
            return TrainingProgress(**json.loads(file.metadata()["place"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError):
        return TrainingProgress()


def save_pretrained(directory: Path, supernet: Supernet) -> None:
    """Write the weights at the end of the floating-point phase, with calibrated steps."""
    tensors = {k: v.contiguous() for k, v in supernet.state_dict().items()}
    write_atomically(directory / PRETRAINED, sealed(save(tensors)))


def load_pretrained_state(directory: Path) -> dict[str, Tensor]:
    """Read what `save_pretrained` wrote; CheckpointError if the file is absent or damaged."""
    path = directory / PRETRAINED
    try:
        data = path.read_bytes()
        tensors: dict[str, Tensor] = load(data)
        if not is_whole(data):
            raise ValueError("its tensors are not those that were written")
        return tensors
    except (OSError, ValueError, SafetensorError) as error:
        rule, remedy = "must hold this run's weights", "Delete the checkpoint and train again."
        raise CheckpointError(problem(str(path), rule, _text(error), remedy)) from None


def _check(metadata: dict[str, str], run: TrainingIdentity) -> None:
    if metadata.get("space") != run.space:
        found = metadata.get("space", "unknown")
        raise ValueError(f"it is of the space {found!r}, not of {run.space!r}")
    if metadata.get("run") != run.digest:
        raise ValueError("it belongs to a run with other settings")


def _restore(state: State, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
    state.supernet.load_state_dict(_with_prefix(tensors, "model."))
    entries = {**_with_prefix(tensors, "optimizer."), **numbers["optimizer"]}
    found: dict[int, dict[str, Any]] = {}
    for key, value in entries.items():
        index, name = key.split(".", 1)
        found.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    for group, saved in zip(groups, numbers["groups"], strict=True):
        group |= {k: tuple(v) if isinstance(v, list) else v for k, v in saved.items()}
    state.optimizer.load_state_dict({"state": found, "param_groups": groups})
    if state.average:
        mean = _with_prefix(tensors, "average.")
        state.average.load([mean[str(i)] for i in range(len(mean))], numbers["average"])


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _text(error: Exception) -> str:
    return json.dumps(str(error).splitlines()[0][:200]) if str(error) else type(error).__name__
