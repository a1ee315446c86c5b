"""verify_project: C simulation of a written project against the integer reference.

Every value of every stage of every image is compared, and every pipelined loop's iterations are
counted and compared with the plan.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.accel.check import first_difference
from qnas.accel.emit.bench import stage_values, vectors, vectors_header
from qnas.accel.plan import HardwarePlan
from qnas.accel.toolchain import LOG_LINES, Toolchain
from qnas.accel.weights import weight_files
from qnas.errors import CheckpointError, VerificationError, problem
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints
from qnas.serial import Value, read_json

EQUAL, UNEQUAL = 0, 1  # exit statuses of the test bench that come with a result
BATCH_VALUES = 1 << 23  # values of the reference held in memory at once


@dataclass(frozen=True, slots=True)
class Mismatch(Value):
    """The first value that differs: of which stage, which image, which index of the flat result.

    A loop that iterates more or less often than the plan says is a mismatch too, of the stage
    `<stage>, loop <name>`.
    """

    stage: str
    image: int
    index: int
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class Verification(Value):
    """Outcome of a C simulation: `images` run through `stages` stages, `values` compared.

    In `packed_images` of them products were made as the DSPs make them, several at once; in the
    others one by one. `accuracy` is top-1 of the simulated logits. `seconds` is all of it,
    compiling included; `simulated_seconds` is processor time of the kernel alone.
    """

    images: int
    packed_images: int
    stages: int
    values: int
    mismatches: int
    accuracy: float
    first_mismatch: Mismatch | None
    loops_checked: int
    seconds: float
    simulated_seconds: float
    compiler: str

    @property
    def passed(self) -> bool:
        return self.mismatches == 0


def verify_project(
    directory: Path,
    network: IntegerNetwork,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    plan: HardwarePlan | None = None,
    workdir: Path | None = None,
    toolchain: Toolchain | None = None,
    packed_images: int | None = 1,
) -> Verification:
    """Compile the project in `directory`, run `images` (B, C, H, W) through it, compare.

    `plan` is the one that the project must be of; by default the one it says it is of. Mismatches
    are returned. Raises CheckpointError for a project of another network or plan, ToolMissingError
    without g++, CompileError if the simulation does not compile, VerificationError if it breaks
    down (a deadlock, a stream read empty). `workdir` keeps the build; otherwise nothing stays.

    Of each process's images (a process a core) the first `packed_images` are simulated with packed
    products, which every row slot and every token lane then went through with the network's own
    weights; the others, twice as fast, with the same sums made one product at a time. None: all.
    """
    toolchain = toolchain or Toolchain()
    start = time.monotonic()
    plan = _project_plan(directory, network, plan)
    compiler = toolchain.version()
    with (
        tempfile.TemporaryDirectory(prefix="qnas-verify-") as temporary,
        ThreadPoolExecutor(1) as compiling,
    ):
        work = Path(temporary) if workdir is None else workdir
        work.mkdir(parents=True, exist_ok=True)
        program = compiling.submit(toolchain.compile, directory.resolve(), work)
        patches = network.quantize_images(images)
        packed = len(patches) if packed_images is None else packed_images
        run = _Run(program, directory.resolve(), work, packed)
        parts = _run_parts(run, network, patches, np.asarray(labels))
    outcome = _merge(parts, plan)
    return replace(outcome, seconds=time.monotonic() - start, compiler=compiler)


def _project_plan(
    directory: Path, network: IntegerNetwork, expected: HardwarePlan | None
) -> HardwarePlan:
    """The project's plan, once it is found to be `expected` and its weights those of `network`."""
    plan = HardwarePlan.from_json(read_json(directory / "plan.json"))
    difference = first_difference(plan, expected) if expected else None
    if difference:
        field, got, wanted = difference
        raise CheckpointError(
            problem(
                f"{directory / 'plan.json'}: {field}",
                f"must be {wanted!r}, as in the plan that was priced",
                repr(got),
                f"Delete {directory} and export again.",
            )
        )
    if plan.architecture != network.architecture or not all(
        (directory / name).is_file() and (directory / name).read_bytes() == content
        for name, content in weight_files(network, plan).items()
    ):
        raise CheckpointError(
            problem(
                str(directory),
                "must be a project of this network",
                "one whose plan or weights differ",
                "Export the network again.",
            )
        )
    return plan


@dataclass(frozen=True, slots=True)
class _Run:
    """What the processes of one verification have in common. The program is compiled while the
    reference computes what it is compared with."""

    program: Future[Path]
    project: Path
    work: Path
    packed_images: int


def _run_parts(
    run: _Run, network: IntegerNetwork, patches: Ints, labels: Ints
) -> list[tuple[int, dict[str, Any]]]:
    """(first image, result) of each process; one a core, on neighbouring images."""
    jobs = max(1, min(os.cpu_count() or 1, len(patches)))
    bounds = [len(patches) * job // jobs for job in range(jobs + 1)]

    def part(job: int) -> tuple[int, dict[str, Any]]:
        chosen = slice(bounds[job], bounds[job + 1])
        vectors_path, result_path = run.work / f"vectors{job}.bin", run.work / f"result{job}.json"
        write_vectors(vectors_path, network, patches[chosen], labels[chosen])
        try:
            files = (run.program.result(), run.project, vectors_path, result_path)
            _simulate([*map(str, files), str(run.packed_images)])
        finally:
            vectors_path.unlink()
        return bounds[job], json.loads(result_path.read_text())

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(part, range(jobs)))


def write_vectors(path: Path, network: IntegerNetwork, patches: Ints, labels: Ints) -> None:
    """The vectors file of the test bench, a batch of images in memory at a time."""
    with path.open("wb") as out:
        header, values = vectors_header(network, labels)
        out.write(header)
        step = max(1, BATCH_VALUES // values)
        for first in range(0, len(patches), step):
            out.writelines(vectors(network, patches[first : first + step]))


def _simulate(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (EQUAL, UNEQUAL):
        tail = "\n".join(done.stderr.splitlines()[-LOG_LINES:]) or f"status {done.returncode}"
        raise VerificationError(f"C simulation broke down: {tail}")


def _merge(parts: list[tuple[int, dict[str, Any]]], plan: HardwarePlan) -> Verification:
    results = [result for _, result in parts]
    loops, faults = _check_loops(results, plan)
    images = sum(r["images"] for r in results)
    if sum(r["values"] for r in results) != images * sum(stage_values(plan)):
        raise VerificationError("C simulation did not compare every value of every stage.")
    found = [
        Mismatch(**{**r["first_mismatch"], "image": r["first_mismatch"]["image"] + first})
        for first, r in parts
        if r["first_mismatch"]
    ]
    return Verification(
        images=images,
        packed_images=sum(r["packed_images"] for r in results),
        stages=len(plan.stages),
        values=sum(r["values"] for r in results),
        mismatches=sum(r["mismatches"] for r in results) + len(faults),
        accuracy=sum(r["correct"] for r in results) / images if images else 0.0,
        first_mismatch=next(iter([*found, *faults]), None),
        loops_checked=loops,
        seconds=0.0,
        simulated_seconds=sum(r["seconds"] for r in results),
        compiler="",
    )


def _check_loops(
    results: Iterable[Mapping[str, Any]], plan: HardwarePlan
) -> tuple[int, list[Mismatch]]:
    """How many loops of the plan were compared, and those that iterate otherwise."""
    checked, faults = 0, []
    for result in results:
        for stage, counted in zip(plan.stages, result["loops"], strict=True):
            got = {loop["name"]: (loop["trips"], loop["entries"]) for loop in counted["loops"]}
            planned = {loop.name: (loop.trips, loop.entries) for loop in stage.loops}
            for name in sorted(planned.keys() | got.keys()):
                want, have = planned.get(name, (0, 0)), got.get(name, (0, 0))
                checked += 1
                if want != have:
                    faults.append(_loop_fault(stage.name, name, want, have))
        if result["varying_loops"]:
            fault = ("of every image", "counts", (0, 0), (result["varying_loops"], 0))
            faults.append(_loop_fault(*fault))
    return checked, faults


def _loop_fault(stage: str, loop: str, want: tuple[int, int], have: tuple[int, int]) -> Mismatch:
    index = 0 if want[0] != have[0] else 1  # trips, or entries
    return Mismatch(f"{stage}, loop {loop}", 0, index, want[index], have[index])
