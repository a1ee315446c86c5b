"""The hand-written part of a project: library headers, stand-ins, test bench, host."""

from __future__ import annotations

import re
from importlib import resources

STANDARD = "-std=c++14"  # that its C++ keeps
FOLDERS = ("src", "sim", "tb", "host")


def library_files() -> dict[str, bytes]:
    """Relative path in the project -> content."""
    root = resources.files("qnas.accel").joinpath("hls")
    files = {
        f"{folder}/{entry.name}": entry.read_bytes()
        for folder in FOLDERS
        for entry in root.joinpath(folder).iterdir()
        if entry.name.endswith((".hpp", ".cpp", ".h", ".py"))
    }
    reading = resources.files("qnas.data").joinpath("image_reading.py")
    return {
        **files,
        "host/image_reading.py": reading.read_bytes(),
        "Makefile": root.joinpath("project", "Makefile").read_bytes(),
    }


def host_batch() -> int:
    """Images of a call of the host programs, by default, as they say themselves."""
    backends = resources.files("qnas.accel").joinpath("hls", "host", "backends.py").read_text()
    (images,) = re.findall(r"^BATCH = (\d+)", backends, flags=re.MULTILINE)
    return int(images)
