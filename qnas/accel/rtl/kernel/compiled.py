"""Verilator on the sources of a kernel: its lint, and the compiled simulation.

Verilator prints every instance anew. Of a large kernel, whose C++ would be fifty megabytes, two
units are therefore compiled otherwise: `packed_lane` once, as a library that all its instances
call; and `memory` as an array in a loop (sim/memory.sv), which tests hold equal to memory.sv.
"""

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
    *("--cc", "--quiet", "--no-timing", "-O3", "--unroll-count", "4"),
    *("--x-assign", "fast", "--x-initial", "unique", "-Wno-fatal", "-Wno-lint"),
)
BENCH, LANE = "bench.cpp", "packed_lane"
ONCE = ("-O0",)  # of what runs once
LARGE_LANES = 1024  # of tokens, inputs and vectors: a kernel of more is a large one


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
    files = {**sources, **_models(), "taps.vlt": _text("taps.vlt")}
    bench = {"design.hpp": design_header(plans), **_simulation(".cpp", ".hpp")}
    large = is_large(plans[0])
    if large:
        files |= _simulation(".sv")
    parts = [version("verilator"), str(large), *FLAGS, *SIMULATED]
    parts += [f"{name}\0{text}" for name, text in {**files, **bench}.items()]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def make(program: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="qnas-rtl-") as scratch:
            work = Path(scratch)
            _write(work, {**files, **bench})
            order = ["taps.vlt", *sources, *_models()]
            if large and has_packed_lanes(plans[0]):
                _library(work, order)
            _verilate(work, "kernel", TOP, order)
            (_compile_each if large else _compile_whole)(work, program, prepare(cache))

    return kept(cache / "rtl" / digest[:32], make)


def is_large(plan: HardwarePlan) -> bool:
    """Whether the kernel is simulated with what stands for its memories and lanes."""
    f = plan.folding
    return f.tt * (f.tk + f.vl) > LARGE_LANES


def has_packed_lanes(plan: HardwarePlan) -> bool:
    return plan.packing.rows == 2 and plan.folding.lut_slots < plan.folding.tm


def _library(work: Path, order: list[str]) -> None:
    """Compile the lane on its own, and let its wrapper stand in `order` for its source."""
    units = [name for name in order if name.endswith(".sv") and name != f"{TOP}.sv"]
    _verilate(work, LANE, LANE, units, "--lib-create", LANE)
    order[order.index(f"{LANE}.sv")] = f"{LANE}/{LANE}.sv"


def _verilate(work: Path, name: str, top: str, files: Sequence[str], *options: str) -> None:
    """C++ of the module `top` in the folder `name`, of that name."""
    where = ("--prefix", f"V{name}", "-Mdir", name, "--top-module", top)
    _verilator(work, [*SIMULATED, *options, *where, *files])


def _simulation(*endings: str) -> dict[str, str]:
    """Files of sim/: the test bench, or what stands for units of a large kernel."""
    found = sorted((folder("kernel") / "sim").iterdir())
    return {path.name: path.read_text() for path in found if path.suffix in endings}


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


def _compile_whole(work: Path, program: Path, library: Path) -> None:
    """As one unit: the fastest way for a small kernel."""
    whole = work / "whole.cc"
    units = [*_units(work), work / BENCH]
    whole.write_text("".join(f'#include "{unit}"\n' for unit in units))
    run_tool([*_compiler(work), str(whole), str(library), "-o", str(program)])


def _compile_each(work: Path, program: Path, library: Path) -> None:
    """File by file, on all cores; what runs once is not optimised."""

    def compile_one(unit: Path) -> str:
        level = ONCE if "Slow" in unit.name else ()
        run_tool([*_compiler(work), *level, "-c", str(unit), "-o", f"{unit}.o"])
        return f"{unit}.o"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, [*_units(work), work / BENCH]))
    run_tool(["g++", *objects, str(library), "-o", str(program)])


def _units(work: Path) -> list[Path]:
    return sorted(path for name in (LANE, "kernel") for path in (work / name).glob("*.cpp"))


def _compiler(work: Path) -> list[str]:
    folders = [f"-I{work / name}" for name in (".", "kernel", LANE)]
    return ["g++", *FLAGS, *includes(), *folders]
