"""QONNX models of the picks, beside their projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qnas.studies.stages.export import picks

if TYPE_CHECKING:
    from qnas.studies.run.run import Run

FILE = "model.qonnx"


def export_qonnx(run: Run) -> list[Path]:
    """Write `model.qonnx` of every pick; returns the files. Raises as `to_qonnx` and `picks`."""
    from qnas.supernet.export.qonnx import save_qonnx

    written = []
    for pick in picks(run):
        path = run.files.pick(pick.name).path / FILE
        save_qonnx(run.supernet.extract(pick.trial.architecture), path)
        written.append(path)
    return written
