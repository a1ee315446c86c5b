"""Processes: the ranks of a training under torchrun, or a single process without it.

The code adds up the gradients itself, once per step, instead of using DistributedDataParallel. A
step runs several subnets, and each uses only some of the parameters. DistributedDataParallel would
search for unused parameters in every backward pass, and would either reduce after each backward
pass or need `no_sync` around all but the last, whose subnet does not use all parameters of the
others. Since every rank draws the same subnets from (seed, step), every rank has gradients of the
same parameters. One all-reduce of these gradients is simpler and sends less data.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

import torch
import torch.distributed as dist
from torch import Tensor, nn

from qnas.errors import ConfigError, problem


def process_rank() -> int:
    """This process's rank under torchrun; 0 without it. Only rank 0 writes files."""
    return int(os.environ.get("RANK", "0"))


@dataclass(frozen=True, slots=True)
class Processes:
    """A group of `count` processes: this process's number `rank`, and its torch device."""

    rank: int
    count: int
    device: torch.device

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace every tensor by its sum over all processes, in one message."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        parts = torch.split_with_sizes(flat, [t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def same_as_first(self, module: nn.Module) -> None:
        """Copy the parameters and buffers of rank 0 to every process."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Wait until all processes have called this method."""
        if self.count > 1:
            dist.barrier()


def device_type(name: str) -> str:
    """The type, "cpu" or "cuda", of a recipe's `device`; ConfigError if it is not available."""
    return _device(name, int(os.environ.get("LOCAL_RANK", "0"))).type


@contextmanager
def joined(device_name: str) -> Iterator[Processes]:
    """Join the processes that torchrun started, or use this process alone, on the named device."""
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), process_rank()
    device = _device(device_name, int(os.environ.get("LOCAL_RANK", "0")))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    mine = count > 1 and not dist.is_initialized()
    if mine:
        # This module's functions keep the group that exists when it is imported as a default
        # argument, and something always imports it. A group that is kept is never taken down: its
        # threads run on into the end of the interpreter, and abort the process now and then.
        import_module("torch.distributed.nn.functional")
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(rank, count, device)
    finally:
        if mine:
            dist.destroy_process_group()


def _device(name: str, local_rank: int) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    available = torch.cuda.device_count() if device.type == "cuda" else 0
    index = local_rank if device.index is None else device.index
    if device.type == "cpu":
        return torch.device("cpu")
    if device.type != "cuda" or index >= available:
        rule = f"must be auto, cpu, or one of the {available} cuda devices here"
        raise ConfigError(problem("train.device", rule, name, "Choose one, or start fewer."))
    return torch.device("cuda", index)
