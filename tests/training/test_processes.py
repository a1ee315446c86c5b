"""Several processes train as one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from qnas.errors import ConfigError
from qnas.training.processes import joined
from qnas.training.recipe import Recipe
from tests.training.test_loop import train

# A few steps: rounding to a grid makes large differences of tiny ones, in time.
RECIPE = Recipe(epochs=2, float_share=0.5, batch_size=32, log_steps=1, ema_decay=0.9, clip_norm=1.0)
CODE = """
import pathlib, sys
from tests.training.test_loop import train
from tests.training.test_processes import RECIPE
train(pathlib.Path(sys.argv[1]), recipe=RECIPE)
"""


def test_two_processes_train_as_one_that_accumulates_twice(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, "-c", CODE, str(tmp_path / "two")]
    both = [
        subprocess.Popen(command, env=os.environ | world | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    train(tmp_path / "one", recipe=replace(RECIPE, accumulate=2))
    assert [process.wait(timeout=300) for process in both] == [0, 0]

    losses = [_losses(tmp_path / name) for name in ("one", "two")]
    assert len(losses[0]) == 6  # three in floating point, three with quantizers
    assert losses[1][:3] == pytest.approx(losses[0][:3], rel=1e-5)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    one, two = (load_file(tmp_path / name / "supernet.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        assert torch.allclose(tensor.float(), two[name].float(), atol=2e-3), name


def test_a_device_that_is_not_there_is_refused() -> None:
    for name in ("cuda:77", "abacus"):
        with pytest.raises(ConfigError, match=r"train.device"), joined(name):
            pass


def _losses(directory: Path) -> list[float]:
    lines = (directory / "train.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]
