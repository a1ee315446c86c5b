"""emit_project: a network and its plan as the files of an HLS project, in memory."""

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

from qnas.accel.device import Device, load_device
from qnas.accel.emit.bench import project_header, stage_values, vectors_file
from qnas.accel.emit.constants import plan_header, tables_header
from qnas.accel.emit.library import library_files
from qnas.accel.emit.lint import check_sources
from qnas.accel.emit.stages import stages_header
from qnas.accel.emit.tools import Expected, design_json, readme, tool_files
from qnas.accel.emit.top import top_header, top_source
from qnas.accel.folding import MAX_WEIGHT_PORTS
from qnas.accel.plan import HardwarePlan
from qnas.accel.weights import weight_files
from qnas.errors import ConfigError, problem
from qnas.integer import IntegerNetwork
from qnas.serial import encode

SAMPLE_IMAGES = 4
SAMPLE_VALUES = 1 << 20  # a larger network travels with fewer images, but one at least
# Of one weight port, or of several.
WEIGHT_FILES = (
    "data/weights.bin",
    *(f"data/weights_{index}.bin" for index in range(MAX_WEIGHT_PORTS)),
)
PLAN_FILES = (  # beside those of the library, which are equal in every project
    "README.md",
    "build.tcl",
    "hls_config.cfg",
    "host/design.json",
    "link.cfg",  # for a card
    "vivado.tcl",  # for a Zynq
    "data/vectors.bin",
    *WEIGHT_FILES,
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
    network: IntegerNetwork,
    plan: HardwarePlan,
    *,
    name: str,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    device: Device | None = None,
    expected: Sequence[Expected] = (),
) -> ProjectFiles:
    """The project of `network` under `plan`: equal arguments give equal bytes.

    `images` (B, C, H, W), normalised as for `network.quantize_images`, and `labels` (B,): the
    first few travel with the project. `device` defaults to the plan's. `expected` are numbers for
    its README. Raises ConfigError for a name that is no plain file name, or a network that is not
    the plan's.
    """
    check_name(name)
    device = load_device(plan.device) if device is None else device
    for word in (device.name, device.part):
        check_word("device or part", word)
    weights = weight_files(network, plan)
    count = max(1, min(SAMPLE_IMAGES, SAMPLE_VALUES // sum(stage_values(plan)), len(images)))
    patches, samples = network.quantize_images(images[:count]), np.asarray(labels[:count])
    texts = {
        "src/plan.hpp": plan_header(plan),
        "src/tables.hpp": tables_header(),
        "src/stages.hpp": stages_header(plan),
        "src/qnas_top.hpp": top_header(plan),
        "src/qnas_top.cpp": top_source(plan),
        "tb/project.hpp": project_header(plan, weights),
        **tool_files(plan, device, name=name),
        "host/design.json": design_json(network, plan, name=name, weights=weights),
        "README.md": readme(
            network,
            plan,
            device,
            name=name,
            logits=network.logits(patches),
            labels=samples,
            expected=expected,
        ),
        "plan.json": json.dumps(encode(plan), indent=2, allow_nan=False) + "\n",
    }
    data = {
        **weights,
        "data/vectors.bin": vectors_file(network, patches, samples),
    }
    files = {**library_files(), **{path: text.encode() for path, text in texts.items()}, **data}
    check_sources({path: files[path].decode() for path in files if path.startswith("src/")})
    return ProjectFiles(files)


def emitted_files() -> tuple[str, ...]:
    """Relative path of every file that a project may have, sorted: a Zynq's has no link.cfg, a
    card's no vivado.tcl, and weights lie in a file a port; otherwise equal for all networks and
    plans."""
    return tuple(sorted({*library_files(), *PLAN_FILES}))


def check_name(name: str) -> None:
    """ConfigError unless `name` is a plain file name, which no path can hide in."""
    if not PLAIN_NAME.fullmatch(name):
        rule = "must be letters, digits, `_`, `.` and `-`, starting with a letter or digit"
        raise ConfigError(problem("name", rule, repr(name), "Choose a plain file name."))


def check_word(subject: str, word: str) -> None:
    """ConfigError unless `word` is safe to stand in a script: no brackets, spaces or semicolons."""
    if not PLAIN_NAME.fullmatch(word):
        rule = "must be letters, digits, `_`, `.` and `-`"
        raise ConfigError(problem(subject, rule, repr(word), "Correct the device file."))
