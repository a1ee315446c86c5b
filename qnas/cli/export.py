"""`qnas export`."""

from __future__ import annotations

from pathlib import Path

import click

from qnas.cli.stage import opened, study_command


@study_command
@click.option("--qonnx", is_flag=True, help="Write each pick as model.qonnx too (extra `qonnx`).")
def command(study: str, runs: Path, qonnx: bool) -> None:
    """Write the Vitis HLS project of each pick of STUDY. Needs `qnas search`."""
    with opened(study, runs, stage="export") as (work, progress):
        from qnas.studies import stages

        stages.export(work, progress=progress)
        if qonnx:
            from qnas.studies.qonnx import export_qonnx

            for path in export_qonnx(work):
                click.echo(f"QONNX: {path}")
