"""The log of a training: train.jsonl, optionally TensorBoard, and a callback."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnas._util.serialization import Value, encode, write_atomically
from qnas.errors import DependencyError, problem

if TYPE_CHECKING:
    from qnas.supernet.model import Supernet

# Files in the folder of a training.
LOG, TENSORBOARD, CHECKPOINT = "train.jsonl", "tensorboard", "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class Interval(Value):
    """One line of the log: an epoch of training, or `log_steps` steps.

    Attributes:
        epoch: The current epoch, counted from 1.
        epochs: Number of epochs of the training.
        step: Number of steps done.
        steps: Number of steps of the training.
        phase: "float" or "quantized".
        loss: Loss of each step's first subnet on labels, averaged over the interval.
        learning_rate: Learning rate of the matrices in the interval's last step.
        images_per_s: Images per second over all processes; an image counts once for all subnets.
        seconds: Time of the whole training so far, over all resumptions.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    phase: str
    loss: float
    learning_rate: float
    images_per_s: float
    seconds: float


OnInterval = Callable[[Interval], None]
Monitor = Callable[["Supernet", Interval], None]


class TrainingLog:
    """The log files of one training in `directory`; without a directory (ranks other than 0)
    nothing is written."""

    def __init__(self, directory: Path | None, *, tensorboard: bool, done: int) -> None:
        """Resume the log after step `done`, and remove later lines of an interrupted training."""
        self._path = directory / LOG if directory else None
        self._writer: Any = None
        if not directory:
            return
        directory.mkdir(parents=True, exist_ok=True)
        if tensorboard:
            self._writer = _summary_writer()(str(directory / TENSORBOARD), purge_step=done + 1)
        known = _lines(directory / LOG, done)
        if done or (directory / LOG).exists():
            write_atomically(directory / LOG, "".join(known))

    def add(self, interval: Interval) -> None:
        if self._path:
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(encode(interval)) + "\n")
        if self._writer:
            for name in ("loss", "learning_rate", "images_per_s"):
                self._writer.add_scalar(f"train/{name}", getattr(interval, name), interval.step)

    def close(self) -> None:
        if self._writer:
            self._writer.close()


def _lines(path: Path, done: int) -> list[str]:
    """The complete lines of the first `done` steps."""
    if not path.exists():
        return []
    lines = path.read_text("utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("}\n")]
    return [line for line in whole if json.loads(line)["step"] <= done]


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        rule, remedy = "needs the package tensorboard", "pip install 'qnas-fpga[tensorboard]'"
        raise DependencyError(problem("train.tensorboard", rule, error, remedy)) from None
    return SummaryWriter
