"""Part of the report: what 4 bits in one matrix cost the knee, measured within a budget of time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from qnas._util.serialization import digest, write_json
from qnas.architecture import EIGHTHS, Architecture
from qnas.space import MATRIX_KINDS
from qnas.studies.progress import Progress
from qnas.studies.run.predictions import MatrixSensitivity, Sensitivity, read_sensitivity
from qnas.studies.run.run import Run
from qnas.studies.run.training_records import supernet_of, tuning_of
from qnas.studies.stages.kernels import picks

if TYPE_CHECKING:
    from qnas.objectives.accuracy import AccuracyEvaluator

IMAGES = 1000  # at most, spread evenly over the search split
BUDGET_S = 15.0  # of one call; the next one goes on


def measure_sensitivity(run: Run, progress: Progress, *, budget_s: float = BUDGET_S) -> None:
    """Measure the matrices of the first pick that sensitivity.json lacks, until `budget_s` has
    passed; what was measured with other weights or images is dropped."""
    pick = picks(run)[0]
    every = pick.trial.architecture.with_shares(EIGHTHS)
    content = _content(run, pick.trial.architecture)
    known = read_sensitivity(run.files.sensitivity)
    if known is not None and known.content != content:
        known = None
    done = {(one.block, one.kind) for one in known.matrices} if known else set()
    missing = [m for m in _matrices(every) if m not in done]
    if not missing:
        return
    end = time.monotonic() + budget_s
    evaluator, order = _evaluator(run, pick.trial.architecture)
    right = ~evaluator.wrong(every, order, None)
    found = list(known.matrices) if known else []
    for block, kind in missing:
        if time.monotonic() > end:
            break
        narrow = ~evaluator.wrong(every.with_share(block, kind, 0), order, None)
        lost, gained = int((right & ~narrow).sum()), int((narrow & ~right).sum())
        found.append(MatrixSensitivity(block, kind, lost, gained))
    note = f"sensitivity of {len(found)} of {every.depth * len(MATRIX_KINDS)} matrices"
    progress.stage("report", f"{note} on {len(order):,} images")
    accuracy = float(right.mean())
    write_json(
        run.files.sensitivity,
        Sensitivity(content, pick.name, len(order), accuracy, every.depth, tuple(found)),
    )


def _evaluator(run: Run, arch: Architecture) -> tuple[AccuracyEvaluator, np.ndarray]:
    from qnas.objectives.accuracy import AccuracyEvaluator

    images, labels = run.loaded_subset("search", at_most=IMAGES)
    return AccuracyEvaluator(supernet_of(run, arch), images, labels), np.arange(len(labels))


def _content(run: Run, arch: Architecture) -> str:
    tuning = tuning_of(run, arch)
    tuned = tuning.recipe if tuning and tuning.better else ""
    return digest([run.supernet_digest(), arch.key, tuned, run.manifest.splits.digest, IMAGES])


def _matrices(arch: Architecture) -> Iterator[tuple[int, str]]:
    return ((block, kind) for block in range(arch.depth) for kind in MATRIX_KINDS)
