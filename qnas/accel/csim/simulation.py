"""C simulation of a project, with its images divided among processes, one for each core."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qnas._util.children import Children
from qnas._util.units import ceil_div
from qnas.accel.csim.toolchain import LOG_LINES
from qnas.accel.hls.emit.bench import Input, vectors, vectors_header
from qnas.errors import VerificationError
from qnas.numerics import Ints

EQUAL, UNEQUAL = 0, 1  # exit statuses with which the test bench writes a result
PROBE_RESULT = "QNAS_PROBE"  # environment variable: path of a probe's result
BATCH_VALUES = 1 << 23  # values of the reference held in memory at once


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
