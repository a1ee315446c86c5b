"""Initiation interval and depth of every pipelined loop, analysed from the emitted C++.

The sources are compiled once more with numbers that know when they are there (`rewrite`,
`instrument/timing`) and run on a small network under the same folding: the same loops, lanes,
widths and memories, fewer iterations. Of everything that a loop carries, of its loads and its
stores the longest paths are kept, over all iterations and stages; `recurrences` makes an interval
and a depth of them. Delays are those of `delays.toml` at the clock, less the uncertainty that HLS
keeps by default.

Analysed is not scheduled. What this cannot see: how HLS rewrites expressions (sums are taken as
they are written: balancing them makes nothing slower), what it shares between operations, wires and
fan-out after placement, the latency of AXI ports, paths that no iteration takes, and ports of banks
(those are the probe's: `qnas.accel.csim.probe`). DEPENDENCE pragmas are believed; the probe holds
them against what happens. A number in an `int` has 32 bits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from math import isqrt
from pathlib import Path
from typing import Any

from qnas._util.cache import kept, user_cache
from qnas._util.children import run_program
from qnas._util.serialization import Value, canonical_json
from qnas.accel.device import Device
from qnas.accel.hls.analysis.delays import delays_of
from qnas.accel.hls.analysis.pipelines import pipelined_loops
from qnas.accel.hls.analysis.recurrences import LoopTiming, loop_timings
from qnas.accel.hls.analysis.rewrite import rewritten
from qnas.accel.hls.emit.constants import plan_header
from qnas.accel.hls.emit.library import STANDARD
from qnas.accel.hls.emit.stages import stages_header
from qnas.accel.hls.lint.cpp import CONSTANT
from qnas.accel.plan.lower import lower
from qnas.accel.plan.plan import HardwarePlan
from qnas.architecture import Architecture, BlockSpec, W8Shares
from qnas.errors import CompileError, GeneratorError, ToolMissingError, problem

FLAGS = (STANDARD, "-O1", "-Wno-unknown-pragmas")
TOP = re.compile(r"^void qnas_top\(([^)]*)\)", re.MULTILINE)
# Constants that a small network of the same folding keeps: formats, and depths of memories.
KEPT = re.compile(r"\w+_ROWS|\w+_DEPTH|ACC_BITS|SCORE_BITS|MAX_HEADS|MAX_BEATS")
FEW = 9  # channels of a small network: more than one vector or word of most foldings


@dataclass(frozen=True, slots=True)
class Timing(Value):
    """All pipelined loops of a design at one clock, analysed."""

    clock_mhz: float
    loops: tuple[LoopTiming, ...]

    def loop(self, name: str) -> LoopTiming:
        """By its label or its function."""
        return next(x for x in self.loops if name in (x.loop, *x.loop.split(": ")))

    @property
    def slow(self) -> tuple[LoopTiming, ...]:
        """Loops that cannot start an iteration every cycle."""
        return tuple(loop for loop in self.loops if loop.interval > 1)


def analyse(
    files: Mapping[str, bytes],
    plan: HardwarePlan,
    device: Device,
    *,
    clocks_mhz: Sequence[float] = (),
    command: str = "g++",
) -> tuple[Timing, ...]:
    """Every pipelined loop of a project's C++, at each clock (by default the plan's).

    `files`: of the project, by path; those of `src/` matter. What was analysed once is remembered
    by its content. Raises ToolMissingError without g++, GeneratorError for C++ that the analysis
    does not read.
    """
    sources = small_sources(files, plan, device)
    clocks = tuple(clocks_mhz) or (plan.clock_mhz,)
    return analyse_sources(sources, device, clocks_mhz=clocks, command=command)


def analyse_sources(
    sources: Mapping[str, str], device: Device, *, clocks_mhz: Sequence[float], command: str = "g++"
) -> tuple[Timing, ...]:
    """`analyse` of C++ as it is: every iteration of every loop is followed."""
    loops = pipelined_loops(sources)
    arguments = [delays_of(device).arguments(clock, device) for clock in clocks_mhz]
    results = _results(rewritten(sources, loops), arguments, command)
    paths = list(sources)
    return tuple(
        Timing(clock, tuple(loop_timings(result, loops, paths)))
        for clock, result in zip(clocks_mhz, results, strict=True)
    )


def check_intervals(timing: Timing, *, subject: str) -> None:
    """GeneratorError naming the recurrence of the first loop that is not of interval 1."""
    for loop in timing.slow:
        raise GeneratorError(
            problem(
                f"{subject}, loop `{loop.loop}` ({loop.path}:{loop.line})",
                f"must start an iteration every cycle at {timing.clock_mhz:g} MHz",
                f"one in {loop.interval}, by {loop.recurrence}",
                "Choose a slower clock in the device file, or report it.",
            )
        )


def _results(
    sources: Mapping[str, str], arguments: Sequence[Sequence[str]], command: str
) -> list[dict[str, Any]]:
    """What the instrumented program finds, one for each clock; from the cache if it is there."""
    instruments = resources.files("qnas.accel").joinpath("hls/instrument/timing")
    headers = {x.name: x.read_text("utf-8") for x in instruments.iterdir() if x.is_file()}
    key = canonical_json([dict(sources), headers, list(arguments), FLAGS])

    def make(path: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="qnas-analysis-") as scratch:
            path.write_text(_run(Path(scratch), {**sources, **headers}, arguments, command))

    name = hashlib.sha256(key.encode()).hexdigest()
    found: list[dict[str, Any]] = json.loads(kept(user_cache() / "analysis" / f"{name}.json", make))
    return found


def _run(
    folder: Path, files: Mapping[str, str], arguments: Sequence[Sequence[str]], command: str
) -> str:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "main.cpp").write_text(_main(files["src/qnas_top.cpp"], files["src/plan.hpp"]))
    program = folder / "analyse"
    _checked(
        [command, *FLAGS, f"-I{folder}", f"-I{folder / 'src'}", "main.cpp", "-o", str(program)],
        folder,
    )
    return _checked([str(program), *(word for clock in arguments for word in clock)], folder)


def _main(top: str, constants: str) -> str:
    """A program that calls the kernel once for each clock, for two passes; its ports bring
    anything."""
    found = TOP.search(top)
    if not found:
        rule, remedy = "must define the kernel qnas_top", "The generator is at fault: report it."
        raise GeneratorError(problem("src/qnas_top.cpp", rule, "none", remedy))
    names = [argument.split()[-1] for argument in found[1].split(",")]
    batch = int(dict(CONSTANT.findall(constants)).get("BATCH", 1))
    values = {"images": f"{2 * batch}", "network": "0"}
    call = ", ".join(values.get(name, f'{{"{name}"}}') for name in names)
    return (
        '#include "src/qnas_top.cpp"\n#include "report.hpp"\n'
        "int main(int argc, char** argv) {\n"
        f"    return timing::run(argc, argv, [] {{ qnas_top({call}); }});\n}}\n"
    )


def _checked(command: Sequence[str], folder: Path) -> str:
    try:
        done = run_program(command, cwd=folder)
    except FileNotFoundError:
        rule = "must be installed for the analysis of loops"
        remedy = "Install it (Debian, Ubuntu: `apt install g++`; Fedora: `dnf install gcc-c++`)."
        raise ToolMissingError(problem(command[0], rule, "nothing", remedy)) from None
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-20:]) or f"status {done.returncode}"
        rule, remedy = "must compile and run for the analysis", "Report it."
        raise CompileError(
            problem("project", rule, f"{os.path.basename(command[0])}: {tail}\n", remedy)
        )
    return done.stdout


def small_sources(files: Mapping[str, bytes], plan: HardwarePlan, device: Device) -> dict[str, str]:
    """The project's sources, with the tables and shapes of a small network of the same folding."""
    sources = {
        path: content.decode() for path, content in sorted(files.items()) if path.startswith("src/")
    }
    arch = few_of(plan.architecture, tk=plan.folding.tk, tt=plan.folding.tt)
    small = lower(arch, device, plan.folding)
    real = dict(CONSTANT.findall(sources["src/plan.hpp"]))

    def constant(found: re.Match[str]) -> str:
        name, value = found[1], found[2]
        kept = KEPT.fullmatch(name) and int(real.get(name, 0)) > int(value)
        return f"constexpr int {name} = {real[name] if kept else value};"

    sources["src/plan.hpp"] = CONSTANT.sub(constant, plan_header([small]))
    sources["src/stages.hpp"] = stages_header([small])
    return sources


def few_of(arch: Architecture, *, tk: int, tt: int) -> Architecture:
    """Two token tiles, two beats in the stem, two heads, all kinds of rows, 8-bit and 4-bit."""
    patch = 2
    side = isqrt(tt) + 1
    heads = min(2, max(block.num_heads for block in arch.blocks))
    block = BlockSpec(num_heads=heads, mlp_hidden=FEW, w8=W8Shares(4, 4, 4, 4))
    return replace(
        arch,
        image_size=patch * side,
        patch_size=patch,
        in_channels=tk // patch**2 + 1,
        head_dim=min(arch.head_dim, FEW),
        num_classes=FEW,
        embed_dim=FEW,
        blocks=(block,),
    )
