"""Compilation of a project's C simulation with g++, with the stand-in headers or with Xilinx's."""

from __future__ import annotations

import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qnas._util.cache import kept, user_cache
from qnas._util.children import Children, run_program
from qnas.accel.hls.emit.library import STANDARD
from qnas.errors import CompileError, ToolMissingError, problem

SOURCES = ("src/qnas_top.cpp", "tb/tb.cpp")
LOG_LINES = 20
# Loops over the fields of a DSP must be unrolled: packed products simulate twice as fast.
FAST = ("-O2", "-fpeel-loops")
KEPT_OBJECTS = 128  # a few hundred kilobytes each


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler and its settings.

    Attributes:
        command: The compiler.
        flags: Optimisation flags.
        ap_int: Folder of Xilinx's headers, which give the same results at a much lower speed; None
            for the project's stand-in.
        cache: Folder of compiled objects by their content; None for the user's cache.
    """

    command: str = "g++"
    flags: tuple[str, ...] = FAST
    ap_int: Path | None = None
    cache: Path | None = None

    def version(self) -> str:
        """First line of the compiler's `--version`.

        Raises:
            ToolMissingError: The compiler is not installed.
        """
        self._require()
        done = run_program([self.command, "--version"])
        return done.stdout.splitlines()[0] if done.stdout else self.command

    def compile(self, project: Path, build: Path, *, children: Children | None = None) -> Path:
        """Compile `project` into `build`; sources whose objects are in the cache are skipped.

        Args:
            project: The project.
            build: The directory of the program.
            children: Starts the compiler processes.

        Returns:
            Path of the program.

        Raises:
            ToolMissingError: The compiler is not installed.
            CompileError: The sources do not compile; the message has the end of the log.
        """
        compiler, children = self.version(), children or Children()
        build.mkdir(parents=True, exist_ok=True)
        folder = (self.cache or user_cache()) / "csim"

        def made(source: str) -> Path:
            target = build / Path(source).with_suffix(".o").name
            target.write_bytes(self._object(project, source, folder, compiler, children))
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool, children:
            objects = list(pool.map(made, SOURCES))
        program = build / "csim"
        command = [self.command, *self.flags, *map(str, objects), "-o", str(program)]
        _run(command, children)
        _keep_newest(folder, KEPT_OBJECTS)
        return program

    def _object(
        self, project: Path, source: str, folder: Path, compiler: str, children: Children
    ) -> bytes:
        """Return the object of one source, compiled if it is not in the cache.

        The cache holds objects by text (with all headers), compiler and flags. A damaged object is
        compiled again.
        """
        headers = self.ap_int or project / "sim"
        includes = [f"-I{path}" for path in (headers, project / "src", project / "tb")]
        options = [STANDARD, *self.flags, "-DQNAS_TRACE", "-Wno-unknown-pragmas", *includes]
        text = _run([self.command, *options, "-E", "-P", str(project / source)], children)
        key = "\0".join((compiler, self.command, *self.flags, text))
        target = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.o"
        command = [self.command, *options, "-c", str(project / source), "-o"]
        content = kept(target, lambda fresh: _run([*command, str(fresh)], children))
        with suppress(OSError):
            os.utime(target)  # marks it as recently used for `_keep_newest`
        return content

    def _require(self) -> None:
        if shutil.which(self.command) is None:
            remedy = (
                "Install it (Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`)."
            )
            raise ToolMissingError(
                problem(self.command, "must be installed for C simulation", "nothing", remedy)
            )


def _run(command: list[str], children: Children) -> str:
    """Run a compiler and return its standard output.

    Raises:
        CompileError: The compiler fails.
    """
    done = children.run(command)
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-LOG_LINES:])
        rule, remedy = "must compile for C simulation", "Delete the project and export it again."
        raise CompileError(
            problem("project", rule, f"a failure of {' '.join(command)}\n{tail}\n", remedy)
        )
    return done.stdout


def _keep_newest(folder: Path, count: int) -> None:
    """Delete all objects but the most recently used; other processes may do so at the same time."""
    used = {}
    for path in folder.glob("*.o"):
        with suppress(FileNotFoundError):
            used[path] = path.stat().st_mtime_ns
    for path in sorted(used, key=used.__getitem__, reverse=True)[count:]:
        path.unlink(missing_ok=True)


def find_ap_int() -> Path | None:
    """Find Xilinx's ap_int headers: `$XILINX_HLS/include`, or those inside an installed hls4ml."""
    candidates = []
    if "XILINX_HLS" in os.environ:
        candidates.append(Path(os.environ["XILINX_HLS"]) / "include")
    spec = find_spec("hls4ml")  # found, not imported: hls4ml needs more than its headers do
    for root in (spec.submodule_search_locations or []) if spec else []:
        candidates.append(Path(root) / "templates" / "vivado" / "ap_types")
    return next((folder for folder in candidates if (folder / "ap_int.h").is_file()), None)
