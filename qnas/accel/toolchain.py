"""Compiling a project's C simulation with g++, with the stand-in headers or with Xilinx's."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qnas.errors import CompileError, ToolMissingError, problem

SOURCES = ("src/qnas_top.cpp", "tb/tb.cpp")
LOG_LINES = 20
# Makes packed products one by one: the same sums (tests/accel/test_hls_mac.py), many times faster.
PLAIN_MAC = "-DQNAS_PLAIN_MAC"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler, its optimisation flags, and where `ap_int.h` comes from (None: the project's
    stand-in; a folder of Xilinx's headers gives the same results, much slower). With PLAIN_MAC
    among the flags all is simulated but the packing of products into DSPs."""

    command: str = "g++"
    flags: tuple[str, ...] = ("-O2",)
    ap_int: Path | None = None

    def version(self) -> str:
        """First line of `--version`; ToolMissingError if the compiler is not installed."""
        self._require()
        done = subprocess.run([self.command, "--version"], capture_output=True, text=True)
        return done.stdout.splitlines()[0] if done.stdout else self.command

    def compile(self, project: Path, build: Path) -> Path:
        """Compile `project` into `build`; returns the program.

        Raises ToolMissingError without a compiler, CompileError with the log's end when the sources
        do not compile.
        """
        self._require()
        build.mkdir(parents=True, exist_ok=True)
        headers = self.ap_int or project / "sim"
        options = ["-std=c++14", *self.flags, "-DQNAS_TRACE", "-Wno-unknown-pragmas"]
        includes = [f"-I{folder}" for folder in (headers, project / "src", project / "tb")]
        objects = [build / f"{Path(source).stem}.o" for source in SOURCES]
        commands = [
            [self.command, *options, *includes, "-c", str(project / source), "-o", str(target)]
            for source, target in zip(SOURCES, objects, strict=True)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, commands))
        program = build / "csim"
        _run([self.command, *self.flags, *map(str, objects), "-o", str(program)])
        return program

    def _require(self) -> None:
        if shutil.which(self.command) is None:
            remedy = (
                "Install it (Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`)."
            )
            raise ToolMissingError(
                problem(self.command, "must be installed for C simulation", "nothing", remedy)
            )


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-LOG_LINES:])
        rule, remedy = "must compile for C simulation", "Delete the project and export it again."
        raise CompileError(
            problem("project", rule, f"a failure of {' '.join(command)}\n{tail}\n", remedy)
        )


def find_ap_int() -> Path | None:
    """Xilinx's ap_int headers: `$XILINX_HLS/include`, or those inside an installed hls4ml."""
    candidates = []
    if "XILINX_HLS" in os.environ:
        candidates.append(Path(os.environ["XILINX_HLS"]) / "include")
    spec = find_spec("hls4ml")  # found, not imported: hls4ml needs more than its headers do
    for root in (spec.submodule_search_locations or []) if spec else []:
        candidates.append(Path(root) / "templates" / "vivado" / "ap_types")
    return next((folder for folder in candidates if (folder / "ap_int.h").is_file()), None)
