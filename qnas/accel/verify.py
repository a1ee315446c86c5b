"""verify_project, verify_kernel: C simulation of a project against the integer reference.

Every value of every stage of every image is compared, and every pipelined loop's iterations are
counted and compared with the plan.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas.accel.check import first_difference
from qnas.accel.emit.bench import Input, stage_values, vectors, vectors_header
from qnas.accel.emit.member import Member, weights_of_members
from qnas.accel.plan import HardwarePlan
from qnas.accel.sharing import read_plans
from qnas.accel.toolchain import LOG_LINES, Toolchain
from qnas.errors import CheckpointError, VerificationError, problem
from qnas.integer import IntegerNetwork
from qnas.numerics import Ints
from qnas.serial import Value

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
    """`verify_kernel` of a project of one network."""
    (found,) = verify_kernel(
        directory,
        [network],
        images,
        labels,
        plans=None if plan is None else [plan],
        workdir=workdir,
        toolchain=toolchain,
        packed_images=packed_images,
    )
    return found


def verify_kernel(
    directory: Path,
    networks: Sequence[IntegerNetwork],
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    plans: Sequence[HardwarePlan] | None = None,
    workdir: Path | None = None,
    toolchain: Toolchain | None = None,
    packed_images: int | None = 1,
) -> tuple[Verification, ...]:
    """Compile the project in `directory`, run `images` (B, C, H, W) through each of its networks,
    compare.

    Of several networks each image runs through one after the other, so that each finds what another
    one left in the memories. `plans` are those that the project must be of; by default the ones it
    says it is of. Mismatches are returned, by network. Raises CheckpointError for a project of
    other networks or plans, ToolMissingError without g++, CompileError if the simulation does not
    compile, VerificationError if it breaks down (a deadlock, a stream read empty). `workdir` keeps
    the build; otherwise nothing stays.

    Of each process's images (a process a core) the first `packed_images` are simulated with packed
    products, which every row slot and every token lane then went through with the network's own
    weights; the others, twice as fast, with the same sums made one product at a time. None: all.
    """
    toolchain = toolchain or Toolchain()
    start = time.monotonic()
    found = _project_plans(directory, networks, plans)
    compiler = toolchain.version()
    with (
        tempfile.TemporaryDirectory(prefix="qnas-verify-") as temporary,
        ThreadPoolExecutor(1) as compiling,
    ):
        work = Path(temporary) if workdir is None else workdir
        work.mkdir(parents=True, exist_ok=True)
        program = compiling.submit(toolchain.compile, directory.resolve(), work)
        packed = len(images) if packed_images is None else packed_images
        run = _Run(program, directory.resolve(), work, packed)
        parts = _run_parts(run, inputs_of(networks, images), np.asarray(labels))
    seconds = time.monotonic() - start
    return tuple(
        replace(
            _merge([(first, results[index]) for first, results in parts], plan),
            seconds=seconds,
            compiler=compiler,
        )
        for index, plan in enumerate(found)
    )


def inputs_of(networks: Sequence[IntegerNetwork], images: NDArray[np.float32]) -> list[Input]:
    """(B, C, H, W) images as each network of a kernel takes them."""
    return [
        Input(index, network, network.quantize_images(images))
        for index, network in enumerate(networks)
    ]


def _project_plans(
    directory: Path,
    networks: Sequence[IntegerNetwork],
    expected: Sequence[HardwarePlan] | None,
) -> tuple[HardwarePlan, ...]:
    """The project's plans, once they are found to be `expected`, and its weights those of
    `networks`."""
    plans = read_plans(directory / "plan.json")
    for index, (plan, wanted) in enumerate(zip(plans, expected or (), strict=False)):
        _check_plan(directory, plan, wanted, "" if len(plans) == 1 else f" of network {index}")
    if not _is_of(directory, networks, plans):
        raise CheckpointError(
            problem(
                str(directory),
                "must be a project of this network"
                if len(networks) == 1
                else f"must be a project of these {len(networks)} networks",
                "one whose plan or weights differ",
                "Export the network again.",
            )
        )
    return plans


def _check_plan(directory: Path, plan: HardwarePlan, expected: HardwarePlan, whose: str) -> None:
    difference = first_difference(plan, expected)
    if difference:
        field, got, wanted = difference
        raise CheckpointError(
            problem(
                f"{directory / 'plan.json'}: {field}{whose}",
                f"must be {wanted!r}, as in the plan that was priced",
                repr(got),
                f"Delete {directory} and export again.",
            )
        )


def _is_of(
    directory: Path, networks: Sequence[IntegerNetwork], plans: Sequence[HardwarePlan]
) -> bool:
    if [plan.architecture for plan in plans] != [network.architecture for network in networks]:
        return False
    members = [Member(network, plan, "") for network, plan in zip(networks, plans, strict=True)]
    return all(
        (directory / name).is_file() and (directory / name).read_bytes() == content
        for files in weights_of_members(members)
        for name, content in files.items()
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What the processes of one verification have in common. The program is compiled while the
    reference computes what it is compared with."""

    program: Future[Path]
    project: Path
    work: Path
    packed_images: int


def _run_parts(
    run: _Run, inputs: Sequence[Input], labels: Ints
) -> list[tuple[int, list[dict[str, Any]]]]:
    """(first image, results by network) of each process; one a core, on neighbouring images."""
    jobs = max(1, min(os.cpu_count() or 1, len(labels)))
    bounds = [len(labels) * job // jobs for job in range(jobs + 1)]

    def part(job: int) -> tuple[int, list[dict[str, Any]]]:
        images = slice(bounds[job], bounds[job + 1])
        vectors_path, result_path = run.work / f"vectors{job}.bin", run.work / f"result{job}.json"
        write_vectors(vectors_path, inputs, labels, images=images)
        try:
            files = (run.program.result(), run.project, vectors_path, result_path)
            _simulate([*map(str, files), str(run.packed_images)])
        finally:
            vectors_path.unlink()
        return bounds[job], json.loads(result_path.read_text())

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(part, range(jobs)))


def write_vectors(path: Path, inputs: Sequence[Input], labels: Ints, *, images: slice) -> None:
    """The vectors file of the test bench for some of the images, a batch of them in memory at a
    time."""
    with path.open("wb") as out:
        header, values = vectors_header(inputs, labels[images])
        out.write(header)
        step = max(1, BATCH_VALUES // values)
        first, last, _ = images.indices(len(labels))
        for begin in range(first, last, step):
            out.writelines(vectors(inputs, slice(begin, min(begin + step, last))))


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
