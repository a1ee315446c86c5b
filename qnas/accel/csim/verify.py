"""verify_project: C simulation of a project, compared with the integer reference.

Every value of every stage of every image is compared, and the iterations of every pipelined loop
are counted and compared with the plan. The images are divided among processes, one for each core.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnas._util.children import Children
from qnas._util.units import ceil_div
from qnas.accel.csim.probe import instrumented, probe_of
from qnas.accel.csim.toolchain import LOG_LINES, Toolchain
from qnas.accel.csim.verification import Verification, merged
from qnas.accel.hls.emit.bench import Input, vectors, vectors_header
from qnas.accel.hls.emit.member import KernelNetwork, weights_of_members
from qnas.accel.plan.check import first_difference
from qnas.accel.plan.multi_network import read_plans
from qnas.accel.plan.plan import HardwarePlan
from qnas.errors import CheckpointError, VerificationError, problem
from qnas.integer.network import IntegerNetwork
from qnas.numerics import Ints

EQUAL, UNEQUAL = 0, 1  # exit statuses with which the test bench writes a result
PROBE_RESULT = "QNAS_PROBE"  # environment variable: path of a probe's result
BATCH_VALUES = 1 << 23  # values of the reference held in memory at once


def verify_project(
    directory: Path,
    networks: Sequence[IntegerNetwork],
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    plans: Sequence[HardwarePlan] | None = None,
    workdir: Path | None = None,
    toolchain: Toolchain | None = None,
    packed_images: int | None = 1,
    probe: bool = False,
) -> tuple[Verification, ...]:
    """Compile a project, run images through each of its networks and compare all values.

    With several networks, each image runs through all of them in turn, so that each network starts
    with memories that hold another network's data.

    Args:
        directory: The project.
        networks: The networks of the project's kernel.
        images: (B, C, H, W) normalised images.
        labels: (B) class numbers.
        plans: The plans that the project must have; by default those in its plan.json.
        workdir: Directory that keeps the build; by default the build is deleted.
        toolchain: The compiler.
        packed_images: Number of images in each process (one for each core) whose products, with
            those of the same pass, are computed as the DSPs pack them. This covers every row slot
            and token lane with the network's own weights. The products of other images are computed
            one by one, twice as fast, with equal sums. None: all images.
        probe: Record the accesses of pipelined loops to memories (`qnas.accel.csim.probe`).

    Returns:
        One outcome for each network, including mismatches and faults of the probe.

    Raises:
        CheckpointError: The project has other networks or plans.
        ToolMissingError: g++ is not installed.
        CompileError: The simulation does not compile.
        VerificationError: The simulation breaks down (a deadlock, a read of an empty stream).
    """
    toolchain = toolchain or Toolchain()
    start = time.monotonic()
    found = _project_plans(directory, networks, plans)
    compiler = toolchain.version()
    with (
        tempfile.TemporaryDirectory(prefix="qnas-verify-") as temporary,
        ThreadPoolExecutor(1) as compiling,
        Children() as children,
    ):
        work = Path(temporary) if workdir is None else workdir
        work.mkdir(parents=True, exist_ok=True)
        copy = Path(temporary) / "instrumented"
        loops = instrumented(directory, copy) if probe else ()
        sources = copy if probe else directory.resolve()
        program = compiling.submit(toolchain.compile, sources, work, children=children)
        packed = len(images) if packed_images is None else packed_images
        batch = found[0].folding.batch
        run = Simulation(program, directory.resolve(), work, packed, batch, children)
        parts = run_parts(run, inputs_of(networks, images), np.asarray(labels))
        recorded = [
            json.loads(run.probe_path(job).read_text()) for job in range(len(parts) * probe)
        ]
    seconds = time.monotonic() - start
    return tuple(
        replace(
            merged([(first, results[index]) for first, results in parts], plan),
            seconds=seconds,
            compiler=compiler,
            probe=probe_of(recorded, loops) if probe else None,
        )
        for index, plan in enumerate(found)
    )


def inputs_of(networks: Sequence[IntegerNetwork], images: NDArray[np.float32]) -> list[Input]:
    """Convert (B, C, H, W) images to the input of each network of a kernel."""
    return [
        Input(index, network, network.quantize_images(images))
        for index, network in enumerate(networks)
    ]


def _project_plans(
    directory: Path,
    networks: Sequence[IntegerNetwork],
    expected: Sequence[HardwarePlan] | None,
) -> tuple[HardwarePlan, ...]:
    """Read the project's plans, and check them and the weights.

    The plans must be `expected` (if given), the weights those of `networks`.
    """
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
    members = [
        KernelNetwork(network, plan, "") for network, plan in zip(networks, plans, strict=True)
    ]
    return all(
        (directory / name).is_file() and (directory / name).read_bytes() == content
        for files in weights_of_members(members)
        for name, content in files.items()
    )


@dataclass(frozen=True, slots=True)
class Simulation:
    """State that all processes of one verification share.

    The program is compiled while the reference computes the expected values.
    """

    program: Future[Path]
    project: Path
    work: Path
    packed_images: int
    batch: int
    children: Children

    def probe_path(self, job: int) -> Path:
        """Path of the probe result of process number `job`."""
        return self.work / f"probe{job}.json"


def run_parts(
    run: Simulation, inputs: Sequence[Input], labels: Ints
) -> list[tuple[int, list[dict[str, Any]]]]:
    """Simulate all images, one process for each core, each on consecutive images: whole passes, but
    for the last one.

    Returns:
        (first image, results by network) of each process.

    Raises:
        VerificationError: The simulation breaks down.
        CompileError: The program does not compile.
    """
    passes = ceil_div(len(labels), run.batch)
    jobs = max(1, min(os.cpu_count() or 1, passes))
    starts = [run.batch * (passes * job // jobs) for job in range(jobs)]
    bounds = [*starts, len(labels)]

    def part(job: int) -> tuple[int, list[dict[str, Any]]]:
        images = slice(bounds[job], bounds[job + 1])
        vectors_path, result_path = run.work / f"vectors{job}.bin", run.work / f"result{job}.json"
        write_vectors(vectors_path, inputs, labels, images=images)
        try:
            files = (run.program.result(), run.project, vectors_path, result_path)
            command = [*map(str, files), str(run.packed_images)]
            _simulate(command, run.children, probe=run.probe_path(job))
        finally:
            vectors_path.unlink()
        return bounds[job], json.loads(result_path.read_text())

    with ThreadPoolExecutor(jobs) as pool, run.children:
        return list(pool.map(part, range(jobs)))


def write_vectors(path: Path, inputs: Sequence[Input], labels: Ints, *, images: slice) -> None:
    """Write the vectors file of the test bench for some of the images, one batch at a time."""
    with path.open("wb") as out:
        header, values = vectors_header(inputs, labels[images])
        out.write(header)
        step = max(1, BATCH_VALUES // values)
        first, last, _ = images.indices(len(labels))
        for begin in range(first, last, step):
            out.writelines(vectors(inputs, slice(begin, min(begin + step, last))))


def _simulate(command: list[str], children: Children, *, probe: Path) -> None:
    environment = {**os.environ, PROBE_RESULT: str(probe)}
    done = children.run(command, env=environment)
    if done.returncode not in (EQUAL, UNEQUAL):
        tail = "\n".join(done.stderr.splitlines()[-LOG_LINES:]) or f"status {done.returncode}"
        raise VerificationError(f"C simulation broke down: {tail}")
