"""`qnas export`."""

from __future__ import annotations

from pathlib import Path

import click

from qnas.cli.stage import opened, show_multi_network, study_command


@study_command
@click.option("--qonnx", is_flag=True, help="Write each pick as model.qonnx too (extra `qonnx`).")
@click.option("--together", is_flag=True, help="One kernel of all picks as well: together/.")
def command(study: str, runs: Path, qonnx: bool, together: bool) -> None:
    """Write the Vitis HLS project of each pick of STUDY. Needs `qnas search`.

    With --together another one, of a single kernel that runs every pick: which of them is an
    argument of the kernel, so that to change it takes no other bitstream.
    """
    with opened(study, runs, stage="export") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.export(run, together=together, progress=progress)
        if together:
            show_multi_network(run)
        if qonnx:
            from qnas.studies.stages.export import export_qonnx

            for path in export_qonnx(run):
                click.echo(f"QONNX: {path}")
