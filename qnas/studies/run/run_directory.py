"""RunDirectory: where the files of a run lie. Other tools rely on these names."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qnas._util.serialization import read_json
from qnas.accel.hls.emit.project import emitted_files
from qnas.errors import CheckpointError, StageOrderError, problem

# `.<name>.<random>`, where <name> is a file that is written whole and then renamed.
LEFTOVER = re.compile(
    r"\.(manifest|summary|supernet|architecture|plan|verification|timing|tuning|start|together)\.json\."
    r"|\.front\.csv\.|\.report\.html\.|\.train\.jsonl\."
    r"|\.(supernet|checkpoint|network|weights|images)\.safetensors\.|\.project\."
)


@dataclass(frozen=True, slots=True)
class KernelDirectory:
    """The files of one kernel: its project, and what its verification found."""

    path: Path

    @property
    def project(self) -> Path:
        return self.path / "project"

    @property
    def timing(self) -> Path:
        """Interval and depth of every loop, as they were analysed when the project was made."""
        return self.path / "timing.json"

    @property
    def verification(self) -> Path:
        return self.path / "verification.json"

    @property
    def mismatch(self) -> Path:
        """The first image that the C++ computed otherwise, if there is one: for its test bench."""
        return self.path / "mismatch.bin"


@dataclass(frozen=True, slots=True)
class PickDirectory(KernelDirectory):
    """The files of one pick."""

    @property
    def architecture(self) -> Path:
        return self.path / "architecture.json"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def network(self) -> Path:
        """The integer reference that the project was made from."""
        return self.path / "network.safetensors"

    @property
    def weights(self) -> Path:
        """The subnet in floating point: a state dict, timm's where timm can express it."""
        return self.path / "weights.safetensors"

    @property
    def qonnx(self) -> Path:
        """The subnet as QONNX, if it was asked for."""
        return self.path / "model.qonnx"


@dataclass(frozen=True, slots=True)
class MultiNetworkDirectory(KernelDirectory):
    """The files of the kernel that all picks share, if it was asked for."""

    @property
    def facts(self) -> Path:
        """What the networks share, and what each gives up for it: written last."""
        return self.path / "together.json"


@dataclass(frozen=True, slots=True)
class TunedDirectory:
    """The files of one subnet that was trained on alone."""

    path: Path

    @property
    def start(self) -> Path:
        """Digest of what the training here began with."""
        return self.path / "start.json"

    @property
    def record(self) -> Path:
        """What tuning gave: written last, so where it lies the training is complete."""
        return self.path / "tuning.json"

    def begun_with(self, start: str) -> bool:
        """Whether a checkpoint that may lie here is one of a training that began with `start`."""
        try:
            return bool(read_json(self.start) == start)
        except CheckpointError:
            return False


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The files of one run, `runs/<name>/`."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def supernet(self) -> tuple[Path, Path]:
        return self.path / "supernet.safetensors", self.path / "supernet.json"

    @property
    def images(self) -> Path:
        """The images of a study that was given arrays rather than a name."""
        return self.path / "images.safetensors"

    @property
    def failures(self) -> Path:
        """Tracebacks of trials that failed."""
        return self.path / "failures.log"

    @property
    def journal(self) -> Path:
        return self.path / "study.journal"

    @property
    def leases(self) -> Path:
        """Which worker evaluates what: there while several search."""
        return self.path / "claims.journal"

    @property
    def front(self) -> Path:
        return self.path / "front.csv"

    @property
    def figures(self) -> Path:
        """The report's figures as PNG files, if they were asked for."""
        return self.path / "figures"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def picks(self) -> Path:
        """The folder of the picks' directories."""
        return self.path / "picks"

    def pick(self, name: str) -> PickDirectory:
        return PickDirectory(self.picks / name)

    @property
    def multi_network(self) -> MultiNetworkDirectory:
        return MultiNetworkDirectory(self.path / "together")

    def tuned(self, key: str) -> TunedDirectory:
        """Of the subnet whose architecture has this key."""
        return TunedDirectory(self.path / "tuned" / key)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory: one process a run. The kernel lets go when the process dies.

        Raises StageOrderError if another process holds it.
        """
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise StageOrderError(
                problem(
                    str(self.path),
                    "must be used by one qnas at a time",
                    "a second one",
                    "Wait for the first, or give the study another name.",
                )
            ) from None
        try:
            yield
        finally:
            os.close(handle)


def sweep(run: RunDirectory) -> None:
    """Remove what killed writers left beside the files they were about to replace.

    Only for the holder of the run: nobody else may be writing.
    """
    below = (path for name in ("together", "picks/*", "tuned/*") for path in run.path.glob(name))
    for folder in (run.path, *below):
        for path in folder.iterdir():
            if not LEFTOVER.match(path.name):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def project_digest(project: Path, *, networks: int = 1) -> str:
    """SHA-256 over names and contents of the files that were emitted, in sorted order.

    What else lies there, like the `build` folder of `make check`, changes nothing.
    """
    sha = hashlib.sha256()
    for name in emitted_files(networks):
        path = project / name
        if path.is_file():
            sha.update(f"{name}\0".encode())
            sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()
