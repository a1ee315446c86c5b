"""The commands of a run's stages: `qnas run`, `train`, `search`, `report`, `export`, `verify`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qnas.cli.stage import (
    check_targets,
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
@click.option(
    "--rtl", is_flag=True, help="Also simulate the kernels as RTL, if Verilator is there."
)
def run(study: str, runs: Path, workers: int, storage: str, rtl: bool) -> None:
    """Run every missing stage of STUDY, from images to verified accelerators.

    Exit status 1 if a project differs from the integer reference, 2 for bad input, 3 if no
    candidate on the front reaches an FPS target (the other picks are finished).
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    with opened(study, runs, stage="run") as (run, progress):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(run, lambda: stages.run_all(run, pool=pool, rtl=rtl, progress=progress))
        check_targets(run)


@study_command
def train(study: str, runs: Path) -> None:
    """Train the supernet of STUDY, or resume an interrupted training.

    On several GPUs: torchrun --nproc-per-node 8 -m qnas train STUDY.toml
    """
    if int(os.environ.get("RANK", "0")):  # other ranks of torchrun compute and write nothing
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

    Equal seeds give equal results, with any number of workers on any number of machines.
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
    """Write STUDY's report.html: plots, picks and their figures. Works also during a search.

    STUDY may also be a run's directory, as runs/NAME.
    --png needs kaleido (pip install 'qnas-fpga[png]') and a Chromium.
    """
    from rich.console import Console

    from qnas.cli.console import ConsoleProgress
    from qnas.studies.stages import pipeline as stages

    run = opened_to_read(study, runs, stage="report")
    with ConsoleProgress(Console(soft_wrap=True)) as progress:
        stages.report(run, png=png, progress=progress)


@study_command
@click.option("--qonnx", is_flag=True, help="Also write each pick as model.qonnx (extra `qonnx`).")
@click.option("--together", is_flag=True, help="Also write one kernel of all picks: together/.")
@click.option("--rtl", is_flag=True, help="Also write each kernel as SystemVerilog: rtl/.")
def export(study: str, runs: Path, qonnx: bool, together: bool, rtl: bool) -> None:
    """Write the Vitis HLS project of each pick of STUDY. Needs `qnas search`.

    --together adds the project of one kernel that runs every pick. An argument of the kernel
    selects the pick, so that changing the pick needs no other bitstream.

    --rtl adds the same kernels as SystemVerilog, with a script that packages them for Vivado.
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
        if rtl:
            from qnas.studies.stages.export import export_rtl

            for path in export_rtl(run):
                click.echo(f"RTL: {path}")


@study_command
@click.option(
    "--probe",
    is_flag=True,
    help="Also check memory accesses: ports, order, distances, DEPENDENCE pragmas.",
)
@click.option("--rtl", is_flag=True, help="Also simulate the kernel in SystemVerilog.")
@click.option(
    "--pick", "picks", multiple=True, help="Pick to simulate with --rtl; may be repeated. [all]"
)
def verify(study: str, runs: Path, probe: bool, rtl: bool, picks: tuple[str, ...]) -> None:
    """Run every report image through each project of STUDY, and compare the output of every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.

    With --probe the simulation records every memory access of each pipelined loop. Verification
    then also fails if a bank is loaded or stored twice in an iteration, if a load follows a store
    in the loop body, or if a DEPENDENCE pragma is false.

    With --rtl the first report images also run through the same kernel in SystemVerilog: every
    stage is compared, and cycles are counted. Needs Verilator (the extra `measure`).
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
