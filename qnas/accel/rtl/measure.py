"""Measuring blocks: simulated against the integer reference, then synthesized, then remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from qnas._util.serialization import digest, read_value, write_json
from qnas.accel.rtl.block import Kind, RtlBlock, folder, known
from qnas.accel.rtl.kinds import KINDS
from qnas.accel.rtl.simulate import prepare, simulate, verilator_root
from qnas.accel.rtl.synthesize import synthesize, yosys_version
from qnas.accel.rtl.table import Row

VECTORS = 10_000
SEED = 0

Done = Callable[[Row, int, int], None]


def tools() -> str:
    """Names and versions; DependencyError where one is missing."""
    verilator_root()
    return f"{yosys_version()}; verilator {version('verilator')}"


def block_digest(block: RtlBlock, *, with_tools: str, vectors: int) -> str:
    """Of everything that a measurement follows from: it names the remembered file."""
    kind = known(KINDS, block.kind)
    files = [folder("sv") / name for name in kind.sources]
    files += sorted(folder("sim").iterdir())
    files = [path for path in files if path.is_file()]
    sources = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return digest([block, sources, with_tools, vectors], length=16)


def measure(block: RtlBlock, *, cache: Path, vectors: int = VECTORS) -> Row:
    """The row of one block, from `cache` where it was measured before with equal sources and tools.

    Raises ConfigError for parameters that the kind does not have, DependencyError and
    ToolMissingError without the tools, VerificationError where the block is not exact.
    """
    kind = known(KINDS, block.kind)
    kind.check(block)
    named = tools()
    key = block_digest(block, with_tools=named, vectors=vectors)
    path = cache / f"{key}.json"
    if path.exists():
        return read_value(Row, path)
    row = _measured(block, kind, cache=cache, vectors=vectors, named=(named, key))
    write_json(path, row)
    return row


def remembered(
    blocks: Iterable[RtlBlock], *, cache: Path, vectors: int = VECTORS
) -> tuple[Row, ...]:
    """The rows of those that were measured before with equal sources and tools."""
    named = tools()
    keys = (block_digest(block, with_tools=named, vectors=vectors) for block in blocks)
    paths = (cache / f"{key}.json" for key in keys)
    return tuple(read_value(Row, path) for path in paths if path.exists())


def measure_all(
    blocks: Sequence[RtlBlock], *, cache: Path, jobs: int, vectors: int = VECTORS, done: Done
) -> tuple[Row, ...]:
    """`measure` of every block, `jobs` at a time; `done(row, how many, of how many)` as they come.

    What was measured stays in `cache`: a run that was cut short goes on where it stopped.
    """
    from joblib import Parallel, delayed

    tools()
    prepare(cache)  # before the workers, who would each make it
    work = (delayed(measure)(block, cache=cache, vectors=vectors) for block in blocks)
    rows: list[Row] = []
    found: Iterable[Row] = Parallel(n_jobs=jobs, return_as="generator")(work)
    for row in found:
        rows.append(row)
        done(row, len(rows), len(blocks))
    return tuple(rows)


def _measured(
    block: RtlBlock, kind: Kind, *, cache: Path, vectors: int, named: tuple[str, str]
) -> Row:
    start = time.perf_counter()
    stimuli = kind.vectors(block, np.random.default_rng(SEED), vectors)
    simulation = simulate(block, kind, stimuli, library=prepare(cache))
    return Row(
        **asdict(synthesize(block, kind)),
        block=block,
        vectors=len(stimuli.inputs),
        latency_cycles=simulation.latency_cycles,
        busy_cycles=simulation.busy_cycles,
        seconds=round(time.perf_counter() - start, 1),
        tools=named[0],
        digest=named[1],
    )
