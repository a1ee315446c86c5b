"""emit_project: the files of an HLS project, in memory: a kernel of one network, or of several."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from qnas.accel.device import MAX_WEIGHT_PORTS, Device, load_device
from qnas.accel.hls.emit.bench import Input, project_header, stage_values, vectors_file
from qnas.accel.hls.emit.constants import plan_header, tables_header
from qnas.accel.hls.emit.host import host_files, preprocessing_of
from qnas.accel.hls.emit.library import library_files
from qnas.accel.hls.emit.member import KernelNetwork, data_folders, weights_of_members
from qnas.accel.hls.emit.stages import stages_header
from qnas.accel.hls.emit.tools import readme, tool_files
from qnas.accel.hls.emit.top import top_header, top_source
from qnas.accel.hls.lint import check_sources
from qnas.accel.plan.multi_network import check_together, encode_plans
from qnas.accel.plan.ports import weight_port_names
from qnas.data.preprocessing import Preprocessing
from qnas.errors import ConfigError, problem
from qnas.numerics import Ints

SAMPLE_IMAGES = 4
SAMPLE_VALUES = 1 << 20  # a larger network travels with fewer images, but one at least
# Of one weight port, or of several.
WEIGHT_PORT_NAMES = (*weight_port_names(1), *weight_port_names(MAX_WEIGHT_PORTS))
PLAN_FILES = (  # beside those of the library, which are equal in every project
    "README.md",
    "build.tcl",
    "hls_config.cfg",
    "host/design.hpp",
    "host/design.json",
    "host/preprocessing.json",
    "link.cfg",  # for a card
    "vivado.tcl",  # for a Zynq
    "data/vectors.bin",
    "plan.json",
    "src/plan.hpp",
    "src/qnas_top.cpp",
    "src/qnas_top.hpp",
    "src/stages.hpp",
    "src/tables.hpp",
    "tb/project.hpp",
)
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ProjectFiles(Mapping[str, bytes]):
    """Relative path -> content, frozen. Writing is a separate act."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        for path in files:
            pure = PurePosixPath(path)
            if pure.is_absolute() or ".." in pure.parts or str(pure) != path or "\0" in path:
                raise ConfigError(
                    problem("path", "must stay inside the project", repr(path), "Choose another.")
                )
        self._files = {path: bytes(files[path]) for path in sorted(files)}

    def __getitem__(self, path: str) -> bytes:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over every path and content."""
        parts = hashlib.sha256()
        for path, content in self._files.items():
            parts.update(f"{path}\0{len(content)}\0".encode())
            parts.update(content)
        return parts.hexdigest()

    def is_in(self, directory: Path) -> bool:
        """Whether `directory` has every file, as it would be written."""
        return all(
            (directory / path).is_file() and (directory / path).read_bytes() == content
            for path, content in self._files.items()
        )

    def write(self, directory: Path) -> None:
        """Write all files beside `directory`, then rename: never half a project.

        A project that was there before is replaced as a whole.
        """
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        try:
            for path, content in self._files.items():
                target = temporary / "new" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            if directory.exists():
                os.replace(directory, temporary / "old")
            os.replace(temporary / "new", directory)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def emit_project(
    members: Sequence[KernelNetwork],
    *,
    name: str,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    device: Device | None = None,
    preprocessing: Preprocessing | None = None,
) -> ProjectFiles:
    """The project of a kernel that runs each of `members`, by its index: equal arguments give equal
    bytes.

    `images` (B, C, H, W), normalised as for `network.quantize_images`, and `labels` (B,): the
    first few travel with the project, as does `preprocessing`, without which the host takes
    normalised arrays alone. `device` defaults to the plans'. Raises ConfigError for a
    name that is no plain file name, a network that is not its plan's, or plans that are not of one
    kernel (`check_together`).
    """
    check_name(name)
    check_labels([member.label for member in members])
    plans = [member.plan for member in members]
    check_together(plans)
    device = load_device(plans[0].device) if device is None else device
    for word in (device.name, device.part):
        check_word("device or part", word)
    weights = weights_of_members(members)
    inputs, samples = _samples(members, images, labels)
    known = preprocessing_of(members, preprocessing)
    texts = {
        "src/plan.hpp": plan_header(plans),
        "src/tables.hpp": tables_header(),
        "src/stages.hpp": stages_header(plans),
        "src/qnas_top.hpp": top_header(plans),
        "src/qnas_top.cpp": top_source(plans),
        "tb/project.hpp": project_header(plans, weights),
        **tool_files(plans[0], device, name=name),
        **host_files(members, known, name=name, weights=weights),
        "README.md": readme(
            members,
            device,
            name=name,
            logits=[one.network.logits(one.patches) for one in inputs],
            labels=samples,
            preprocessing=known,
        ),
        "plan.json": json.dumps(encode_plans(plans), indent=2, allow_nan=False) + "\n",
    }
    data = {"data/vectors.bin": vectors_file(inputs, samples)}
    for files in weights:
        data |= files
    files = {**library_files(), **{path: text.encode() for path, text in texts.items()}, **data}
    check_sources({path: files[path].decode() for path in files if path.startswith("src/")})
    return ProjectFiles(files)


def _samples(
    members: Sequence[KernelNetwork], images: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[list[Input], Ints]:
    """The images that travel with a project, as each network takes them, and their labels."""
    values = sum(sum(stage_values(member.plan)) for member in members)
    count = max(1, min(SAMPLE_IMAGES, SAMPLE_VALUES // values, len(images)))
    inputs = [
        Input(index, member.network, member.network.quantize_images(images[:count]))
        for index, member in enumerate(members)
    ]
    return inputs, np.asarray(labels[:count])


def emitted_files(networks: int = 1) -> tuple[str, ...]:
    """Relative path of every file that a project of so many networks may have, sorted: a Zynq's has
    no link.cfg, a card's no vivado.tcl, and weights lie in a file a port."""
    weights = (
        f"{folder}/{name}.bin" for folder in data_folders(networks) for name in WEIGHT_PORT_NAMES
    )
    return tuple(sorted({*library_files(), *PLAN_FILES, *weights}))


def check_name(name: str) -> None:
    """ConfigError unless `name` is a plain file name, which no path can hide in."""
    if not PLAIN_NAME.fullmatch(name):
        rule = "must be letters, digits, `_`, `.` and `-`, starting with a letter or digit"
        raise ConfigError(problem("name", rule, repr(name), "Choose a plain file name."))


def check_labels(labels: Sequence[str]) -> None:
    """ConfigError unless the networks of a kernel have names of their own."""
    for label in labels:
        check_name(label)
    if len(set(labels)) < len(labels):
        rule = "must differ from network to network"
        raise ConfigError(problem("labels", rule, list(labels), "Call each by its own name."))


def check_word(subject: str, word: str) -> None:
    """ConfigError unless `word` is safe to stand in a script: no brackets, spaces or semicolons."""
    if not PLAIN_NAME.fullmatch(word):
        rule = "must be letters, digits, `_`, `.` and `-`"
        raise ConfigError(problem(subject, rule, repr(word), "Correct the device file."))
