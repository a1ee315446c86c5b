"""Verilator on the sources of a kernel: its lint, and the compiled simulation."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from qnas._util.cache import kept
from qnas.accel.plan.plan import HardwarePlan
from qnas.accel.rtl.block import folder
from qnas.accel.rtl.kernel.bench import design_header
from qnas.accel.rtl.kernel.sources import TOP
from qnas.accel.rtl.simulate import FLAGS, includes, prepare, run_tool, verilator_root

SIMULATED = (
    *("--cc", "--prefix", "Vkernel", "-Mdir", "built", "--quiet", "--no-timing", "-O3"),
    *("--x-assign", "fast", "--x-initial", "unique", "-Wno-fatal", "-Wno-lint"),
)
BENCH = "bench.cpp"
WHOLE_BYTES = 8_000_000  # of C++: what is compiled as one unit


def lint(sources: Mapping[str, str]) -> None:
    """CompileError for anything that Verilator's -Wall complains of, but for what lint.vlt says is
    meant."""
    with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
        work = Path(scratch)
        _write(work, {**sources, **_models(), "lint.vlt": _text("lint.vlt")})
        files = ["lint.vlt", *sources, *_models()]
        _verilator(work, ["--lint-only", "-Wall", "--top-module", TOP, *files])


def compiled(plans: Sequence[HardwarePlan], sources: Mapping[str, str], *, cache: Path) -> bytes:
    """The program that runs images through these sources; from `cache` where it was compiled before
    of the same content with the same Verilator."""
    bench = {path.name: path.read_text() for path in sorted((folder("kernel") / "sim").iterdir())}
    bench |= {"design.hpp": design_header(plans), "taps.vlt": _text("taps.vlt"), **_models()}
    files = {**sources, **bench}
    parts = [version("verilator"), *FLAGS, *SIMULATED, *(f"{n}\0{t}" for n, t in files.items())]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def make(program: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
            work = Path(scratch)
            _write(work, files)
            order = ["taps.vlt", *sources, *_models()]
            _verilator(work, [*SIMULATED, "--top-module", TOP, *order])
            _compile(work, program, prepare(cache))

    return kept(cache / "rtl" / digest[:32], make)


def _models() -> dict[str, str]:
    """Behaviour of the device's cells."""
    return {"dsp48.sv": (folder("sim") / "dsp48.sv").read_text(encoding="utf-8")}


def _text(name: str) -> str:
    return (folder("kernel") / name).read_text(encoding="utf-8")


def _write(work: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (work / name).write_text(text, encoding="utf-8")


def _verilator(work: Path, arguments: Sequence[str]) -> None:
    root = verilator_root()
    run_tool([str(root / "bin" / "verilator_bin"), *arguments], root=root, cwd=work)


def _compile(work: Path, program: Path, library: Path) -> None:
    """A small kernel as one unit, which is fastest; a large one file by file, on all cores."""
    units = [*sorted((work / "built").glob("*.cpp")), work / BENCH]
    folders = [f"-I{work / 'built'}", f"-I{work}"]
    command = ["g++", *FLAGS, *includes(), *folders]
    if sum(unit.stat().st_size for unit in units) <= WHOLE_BYTES:
        whole = work / "whole.cc"
        whole.write_text("".join(f'#include "{unit}"\n' for unit in units))
        run_tool([*command, str(whole), str(library), "-o", str(program)])
        return

    def compile_one(unit: Path) -> str:
        run_tool([*command, "-c", str(unit), "-o", f"{unit}.o"])
        return f"{unit}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, units))
    run_tool(["g++", *objects, str(library), "-o", str(program)])
