"""The probe: a C simulation whose memories record the accesses of pipelined loops.

A C simulation does not show when a memory is accessed. The probe compiles a copy of a project with
the recording memories of `hls/instrument/probe.hpp` and runs the same vectors. For each pipelined
loop and memory it finds how often an iteration loads and stores a bank, in which order, and after
how many iterations a word is accessed again. DEPENDENCE pragmas are compared with these findings.
The result holds for the vectors that were run. Addresses depend on the stage table and not on the
values of an image, so any image covers every stage of a network.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from qnas._util.serialization import Value
from qnas.accel.hls.analysis.pipelines import Claim, PipelinedLoop, pipelined_loops
from qnas.errors import GeneratorError, problem

KINDS = ("RAW", "WAR", "WAW")
TOP, TYPES, HEADER = "src/qnas_top.cpp", "src/types.hpp", "sim/probe.hpp"
TYPEDEF = re.compile(r"typedef (\w+(?:<[^<>]*>)?) (\w+Memory)((?:\[[^\]]+\])+);")
MEMORY = re.compile(r"^(\s*)((?:static )?(?:qnas::)?\w+Memory) (\w+);", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Access(Value):
    """Accesses of a pipelined loop to a memory.

    Attributes:
        loop: The loop.
        memory: The memory.
        loads: Most loads of one bank in one iteration; repeated loads of a word count once.
        stores: Most stores to one bank in one iteration.
        loads_behind_stores: How often a bank was loaded after a store in the same iteration.
        raw: Fewest iterations between a write and a later read of the same word; None if that
            never happens.
        war: The same between a read and a later write.
        waw: The same between two writes.
        within: Which of the three occur inside one iteration.
    """

    loop: str
    memory: str
    loads: int
    stores: int
    loads_behind_stores: int
    raw: int | None
    war: int | None
    waw: int | None
    within: tuple[str, ...]

    def nearest(self, kind: str) -> int | None:
        """Return the distance of "RAW", "WAR" or "WAW", in iterations."""
        distance: int | None = getattr(self, kind.lower())
        return distance


@dataclass(frozen=True, slots=True)
class Probe(Value):
    """Outcome of a probe.

    Attributes:
        iterations: Iterations of pipelined loops that were recorded.
        accesses: Accesses of each loop to each memory.
        claims: Number of DEPENDENCE pragmas that were compared.
        faults: One sentence for each fault.
    """

    iterations: int
    accesses: tuple[Access, ...]
    claims: int
    faults: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no fault was found."""
        return not self.faults


def instrumented(project: Path, into: Path) -> tuple[PipelinedLoop, ...]:
    """Copy the C++ of a project with recording memories.

    Args:
        project: The project.
        into: The directory of the copy.

    Returns:
        The pipelined loops; the copy refers to them by their index.

    Raises:
        GeneratorError: Loops or memories are not found in the C++.
    """
    for folder in ("src", "sim", "tb"):
        shutil.copytree(project / folder, into / folder)
    header = resources.files("qnas.accel").joinpath("hls/instrument/probe.hpp")
    (into / HEADER).write_bytes(header.read_bytes())
    sources = {str(p.relative_to(into)): p.read_text() for p in sorted((into / "src").iterdir())}
    loops = pipelined_loops(sources)
    for path, text in sources.items():
        own = [(number, loop) for number, loop in enumerate(loops) if loop.path == path]
        (into / path).write_text(_recording(path, _entered(text, own)))
    shapes = into / "tb/project.hpp"  # takes the plan's shapes from the plain memories
    shapes.write_text(re.sub(r"static_assert\(tb::has_shape.*\n", "\n", shapes.read_text()))
    return loops


def _entered(text: str, loops: Iterable[tuple[int, PipelinedLoop]]) -> str:
    """Insert a call at the entry of each loop and one at the start of each iteration."""
    lines = text.split("\n")
    for number, loop in loops:
        head, last = loop.for_line - 1, loop.last_line - 1
        lines[head] = f"{{ ::probe::Loop probe_loop({number}); {lines[head]} probe_loop.next();"
        lines[last] += " }"
    return "\n".join(lines)


def _recording(path: str, text: str) -> str:
    """Replace the memories in `text` by recording ones."""
    if path == TYPES:
        changed, count = TYPEDEF.subn(_memory, text)
        include = "#include <hls_stream.h>\n"
        if not count or include not in text:
            rule, remedy = "must declare memories", "The generator is at fault: report it."
            raise GeneratorError(problem(path, rule, "none", remedy))
        return changed.replace(include, f"{include}#include <probe.hpp>\n", 1)
    text = MEMORY.sub(r'\1\2 \3("\3");', text)
    return f"{text}static probe::Report report;\n" if path == TOP else text


def _memory(found: re.Match[str]) -> str:
    sizes = ", ".join(re.findall(r"\[([^\]]+)\]", found[3]))
    return f"typedef ::probe::Memory<{found[1]}, {sizes}> {found[2]};"


def probe_of(results: Sequence[Mapping[str, Any]], loops: Sequence[PipelinedLoop]) -> Probe:
    """Merge the results of several processes, each of its own images, into one outcome."""
    seen: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for result in results:
        for access in result["accesses"]:
            seen.setdefault((access["loop"], access["memory"]), []).append(access)
    found = [(loops[key[0]], _merged(loops[key[0]], parts)) for key, parts in sorted(seen.items())]
    return Probe(
        iterations=sum(sum(result["iterations"]) for result in results),
        accesses=tuple(access for _, access in found),
        claims=sum(len(loop.claims) for loop in loops),
        faults=tuple(fault for loop, access in found for fault in _faults(loop, access)),
    )


def _merged(loop: PipelinedLoop, parts: Sequence[Mapping[str, Any]]) -> Access:
    nearest = [
        min((part["nearest"][i] for part in parts if part["nearest"][i]), default=None)
        for i in range(len(KINDS))
    ]
    return Access(
        loop=loop.name,
        memory=parts[0]["memory"],
        loads=max(part["loads"] for part in parts),
        stores=max(part["stores"] for part in parts),
        loads_behind_stores=sum(part["loads_behind_stores"] for part in parts),
        raw=nearest[0],
        war=nearest[1],
        waw=nearest[2],
        within=tuple(k for i, k in enumerate(KINDS) if any(p["within"][i] for p in parts)),
    )


def _faults(loop: PipelinedLoop, access: Access) -> Iterator[str]:
    where = f"loop `{loop.name}` ({loop.path}:{loop.label_line}), memory `{access.memory}`"
    for what, count in (("loaded", access.loads), ("stored to", access.stores)):
        if count > 1:
            yield f"{where}: a bank is {what} {count} times in an iteration and has one port"
    apart = any("RAW" in c.kinds for c in loop.claims_of(access.memory, between=False))
    if access.loads_behind_stores and not apart:
        yield (
            f"{where}: a bank is loaded behind a store of the same iteration, "
            f"{access.loads_behind_stores} times; the load waits for all that the store waits for"
        )
    for claim in loop.claims_of(access.memory, between=True):
        for kind in claim.kinds:
            distance = access.nearest(kind)
            if distance is not None and (claim.distance == 0 or distance < claim.distance):
                yield _untrue(claim, where, f"{kind} occurs {distance} iterations apart")
    for claim in loop.claims_of(access.memory, between=False):
        for kind in claim.kinds:
            if kind in access.within and claim.distance == 0:
                yield _untrue(claim, where, f"{kind} occurs inside an iteration")


def _untrue(claim: Claim, where: str, what: str) -> str:
    return f"{where}: the DEPENDENCE claim at {claim} is not true: {what}"
