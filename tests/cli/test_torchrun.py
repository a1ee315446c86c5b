"""`qnas train` under torchrun."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.tiny_study import TINY_SPACE, study

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


@pytest.mark.slow
def test_two_processes_lose_what_one_does_that_accumulates_twice(tmp_path: Path) -> None:
    losses = []
    for accumulate, launcher in ((2, []), (1, TORCHRUN)):
        folder = tmp_path / str(accumulate)
        folder.mkdir()
        (folder / "study.toml").write_text(
            study(
                space=TINY_SPACE,
                search={"trials": 4, "population": 2},
                train={"epochs": 1, "batch_size": 64, "log_steps": 1, "accumulate": accumulate},
            )
        )
        command = [sys.executable, *launcher, "-m", "qnas", "train", str(folder / "study.toml")]
        command += ["--runs", str(folder / "runs")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = (folder / "runs" / "tiny" / "train.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
        assert (folder / "runs" / "tiny" / "supernet.safetensors").exists()
    one, two = losses
    assert len(one) == len(two) > 10
    assert two[:4] == pytest.approx(one[:4], rel=1e-4)
    # Rounding to a grid makes larger differences of the last bit's, in time.
    assert two == pytest.approx(one, rel=0.05)


THREADS_AFTER_TRAINING = """
import os, sys
from qnas.training.processes import joined

with joined("cpu") as processes:
    import torch.distributed.nn.functional  # as torch's own modules do, sooner or later

    processes.wait()
names = [open(f"/proc/self/task/{t}/comm").read().strip() for t in os.listdir("/proc/self/task")]
sys.exit(f"still running: {names}" if any("gloo" in name for name in names) else 0)
"""


@pytest.mark.slow
def test_no_thread_of_the_group_outlives_it(tmp_path: Path) -> None:
    """A thread that gives a tensor back while the interpreter ends aborts the process."""
    (tmp_path / "join.py").write_text(THREADS_AFTER_TRAINING)
    command = [sys.executable, *TORCHRUN, str(tmp_path / "join.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_sigterm_in_the_first_epochs_leaves_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        study(
            space=TINY_SPACE,
            search={"trials": 4, "population": 2},
            train={"epochs": 60, "batch_size": 64, "log_steps": 1},
        )
    )
    command = [sys.executable, *TORCHRUN, "-m", "qnas", "train", str(tmp_path / "study.toml")]
    process = subprocess.Popen([*command, "--runs", str(tmp_path / "runs")])
    log = tmp_path / "runs" / "tiny" / "train.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < 10:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=100) != 0
    assert (tmp_path / "runs" / "tiny" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "runs" / "tiny" / "supernet.json").exists()
