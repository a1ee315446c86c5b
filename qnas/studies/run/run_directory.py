"""RunDirectory: the paths of a run's files. Other tools rely on these names."""

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
from qnas.training.logs import CHECKPOINT, LOG

# `.<name>.<random>`: the temporary file that is written and then renamed to <name>.
LEFTOVER = re.compile(
    r"\.(manifest|divergences|refine|summary|supernet|architecture|plan|verification|timing|outputs|tuning|start|together|sensitivity|wrong)\.json\."
    r"|\.(front|predictions)\.csv\.|\.study\.journal\.|\.report\.html\.|\.train\.jsonl\."
    r"|\.(supernet|checkpoint|pretrained|network|weights|images|splits)\.safetensors\.|\.project\."
)


@dataclass(frozen=True, slots=True)
class KernelDirectory:
    """The files of one kernel: its project and its verification."""

    path: Path

    @property
    def project(self) -> Path:
        return self.path / "project"

    @property
    def timing(self) -> Path:
        """Interval and depth of every loop, from the analysis of the exported project."""
        return self.path / "timing.json"

    @property
    def verification(self) -> Path:
        return self.path / "verification.json"

    @property
    def outputs(self) -> Path:
        """Digests of the files of the last export."""
        return self.path / "outputs.json"

    @property
    def mismatch(self) -> Path:
        """The first image on which the C++ differs, for the project's test bench; may be absent."""
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
    def origin(self) -> Path:
        """Study, trial and device of a pick outside any run, as `qnas pick --out` writes it."""
        return self.path / "pick.json"

    @property
    def network(self) -> Path:
        """The integer network that the project was made from."""
        return self.path / "network.safetensors"

    @property
    def weights(self) -> Path:
        """The floating-point state dict of the subnet, in timm's form if timm can express it."""
        return self.path / "weights.safetensors"

    @property
    def predictions(self) -> Path:
        """The class that the integer network gives each image of the report split; written by the
        verification."""
        return self.path / "predictions.csv"

    @property
    def wrong(self) -> Path:
        """Some wrongly classified images of the report split, small; written by the
        verification."""
        return self.path / "wrong.json"

    @property
    def qonnx(self) -> Path:
        """The subnet as QONNX, for any number of images; present only if requested."""
        return self.path / "model.onnx"


@dataclass(frozen=True, slots=True)
class MultiNetworkDirectory(KernelDirectory):
    """The files of the kernel that runs all picks; present only if requested."""

    @property
    def facts(self) -> Path:
        """The comparison of the multi-network kernel with each pick's own; written last."""
        return self.path / "together.json"


@dataclass(frozen=True, slots=True)
class TunedDirectory:
    """The files of one fine-tuned subnet."""

    path: Path

    @property
    def start(self) -> Path:
        """Digest of the inputs of the fine-tuning."""
        return self.path / "start.json"

    @property
    def record(self) -> Path:
        """The outcome of the fine-tuning; written last, so that its presence marks completion."""
        return self.path / "tuning.json"

    def begun_with(self, start: str) -> bool:
        """Whether a checkpoint here belongs to a fine-tuning with inputs of digest `start`."""
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
    def trained(self) -> bool:
        """Whether the supernet is trained."""
        return all(path.exists() for path in self.supernet)

    @property
    def checkpoint(self) -> Path:
        """The state of a training that is not complete."""
        return self.path / CHECKPOINT

    @property
    def splits(self) -> Path:
        """The split of each image, for images in files."""
        return self.path / "splits.safetensors"

    @property
    def training_log(self) -> Path:
        return self.path / LOG

    @property
    def training_accuracy(self) -> Path:
        """Accuracies of a few subnets on the search split, as the supernet was trained."""
        return self.path / "train_accuracy.jsonl"

    @property
    def images(self) -> Path:
        """The images of a study whose data were given as arrays."""
        return self.path / "images.safetensors"

    @property
    def failures(self) -> Path:
        """Tracebacks of trials that failed."""
        return self.path / "failures.log"

    @property
    def journal(self) -> Path:
        return self.path / "study.journal"

    @property
    def refinement(self) -> Path:
        """The kernels that `qnas refine` measured, and its rounds."""
        return self.path / "refine.json"

    @property
    def divergences(self) -> Path:
        """How far 4-bit rows in each matrix move the outputs of a calibrated model, from which its
        search starts; present in a study with [post_training]."""
        return self.path / "divergences.json"

    @property
    def leases(self) -> Path:
        """The lease table of the workers; present while several workers search."""
        return self.path / "claims.journal"

    @property
    def front(self) -> Path:
        return self.path / "front.csv"

    @property
    def figures(self) -> Path:
        """The report's figures as PNG files; present only if requested."""
        return self.path / "figures"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def sensitivity(self) -> Path:
        """What 4 bits in one matrix cost the knee; written by the report."""
        return self.path / "sensitivity.json"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def picks(self) -> Path:
        """The folder of the picks' directories."""
        return self.path / "picks"

    @property
    def former(self) -> Path:
        """The folder of former kernels with results of tools; may be absent."""
        return self.path / "former"

    def pick(self, name: str) -> PickDirectory:
        return PickDirectory(self.picks / name)

    @property
    def multi_network(self) -> MultiNetworkDirectory:
        return MultiNetworkDirectory(self.path / "together")

    def tuned(self, key: str) -> TunedDirectory:
        """The fine-tuning files of the subnet whose architecture has this key."""
        return TunedDirectory(self.path / "tuned" / key)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory for this process. The operating system drops the lock when the process
        dies.

        Raises StageOrderError if another process holds the lock.
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
    """Remove the temporary files of killed writers.

    Call it only while holding the run's lock, so that no other process is writing.
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
    """SHA-256 over names and contents of the emitted files, in sorted order.

    Other files in the folder, such as `build` of `make check`, do not change the digest.
    """
    sha = hashlib.sha256()
    for name in emitted_files(networks):
        path = project / name
        if path.is_file():
            sha.update(f"{name}\0".encode())
            sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()
