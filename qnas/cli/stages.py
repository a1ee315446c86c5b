"""The commands of a run's stages: `qnas run`, `train`, `search`, `report`, `export`, `verify`,
`tune`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.output import note, progress, result, settings
from qnas.cli.stage import (
    check_targets,
    opened,
    opened_to_read,
    pool_options,
    show_multi_network,
    show_probes,
    show_status,
    study_command,
    target,
    verify_and_show,
)
from qnas.errors import VerificationError

if TYPE_CHECKING:
    from qnas.studies.run.run import Run


@study_command
@pool_options
@click.option(
    "--rtl", is_flag=True, help="Also simulate the kernels as RTL, if Verilator is there."
)
def run(
    study: str,
    changes: tuple[str, ...],
    runs: Path,
    trust: bool,
    workers: int,
    storage: str,
    rtl: bool,
) -> None:
    """Run every missing stage of STUDY, from images to verified accelerators.

    Exit status 1 if a project differs from the integer reference, 2 for bad input, 3 if no
    candidate on the front reaches an FPS target (the other picks are finished).
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    aim = target(study, runs, changes, trust=trust)
    with opened(aim, stage="run") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        verify_and_show(
            run,
            lambda: stages.run_all(run, pool=pool, rtl=rtl, progress=shown, tell_missed=False),
            tell_missed=False,
        )
        check_targets(run)  # the only one to tell the missed targets


@study_command
def train(study: str, changes: tuple[str, ...], runs: Path, trust: bool) -> None:
    """Train the supernet of STUDY, or resume an interrupted training.

    On several GPUs: torchrun --nproc-per-node 8 -m qnas train STUDY.toml
    """
    if int(os.environ.get("RANK", "0")):  # other ranks of torchrun compute and write nothing
        from qnas.studies.run.run import Run
        from qnas.studies.stages.train import assist

        aim = target(study, runs, changes, trust=trust)
        return assist(Run(aim.config, aim.directory))
    aim = target(study, runs, changes, trust=trust)
    with opened(aim, stage="train") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        stages.train(run, progress=shown)
    show_status(aim.directory)


@study_command
@pool_options
def search(
    study: str,
    changes: tuple[str, ...],
    runs: Path,
    trust: bool,
    workers: int,
    storage: str,
) -> None:
    """Search STUDY's subnets and foldings, and write front.csv. Needs `qnas train`.

    Equal seeds give equal results, with any number of workers on any number of machines.
    """
    from qnas.studies.workers.pool import WorkerPool

    pool = WorkerPool(workers, storage)
    pool.check()
    aim = target(study, runs, changes, trust=trust)
    with opened(aim, stage="search") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        stages.search(run, pool=pool, progress=shown)
    show_status(aim.directory)


@study_command
@click.option("--png", is_flag=True, help="Also write the figures to figures/*.png.")
def report(study: str, changes: tuple[str, ...], runs: Path, trust: bool, png: bool) -> None:
    """Write STUDY's report.html: plots, picks and their figures. Works also during a search.

    --png needs kaleido (pip install 'qnas-fpga[png]') and a Chromium.
    """
    from qnas.studies.stages import pipeline as stages

    run = opened_to_read(study, runs, changes, stage="report", trust=trust)
    with progress() as shown:
        stages.report(run, png=png, progress=shown)
    show_status(run.path)


@study_command
@click.option(
    "--qonnx",
    is_flag=True,
    help="Also write each pick as model.onnx, a QONNX model (extra `qonnx`).",
)
@click.option("--together", is_flag=True, help="Also write one kernel of all picks: together/.")
@click.option("--rtl", is_flag=True, help="Also write each kernel as SystemVerilog: rtl/.")
def export(
    study: str,
    changes: tuple[str, ...],
    runs: Path,
    trust: bool,
    qonnx: bool,
    together: bool,
    rtl: bool,
) -> None:
    """Write the Vitis HLS project of each pick of STUDY. Needs `qnas search`.

    --together adds the project of one kernel that runs every pick. An argument of the kernel
    selects the pick, so that changing the pick needs no other bitstream.

    --rtl adds the same kernels as SystemVerilog, with a script that packages them for Vivado.
    """
    aim = target(study, runs, changes, trust=trust)
    with opened(aim, stage="export") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        stages.export(run, together=together, progress=shown)
        if together and not settings().json:
            show_multi_network(run)
        if qonnx:
            from qnas.studies.stages.export import export_qonnx

            for path in export_qonnx(run):
                note(f"QONNX: {path}")
        if rtl:
            from qnas.studies.stages.export import export_rtl

            for path in export_rtl(run):
                note(f"RTL: {path}")
    show_status(aim.directory)


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
def verify(
    study: str,
    changes: tuple[str, ...],
    runs: Path,
    trust: bool,
    probe: bool,
    rtl: bool,
    picks: tuple[str, ...],
) -> None:
    """Run every report image through each project of STUDY, and compare the output of every stage.

    Exit status 1 if a single value differs. Needs `qnas export`.

    With --probe the simulation records every memory access of each pipelined loop. Verification
    then also fails if a bank is loaded or stored twice in an iteration, if a load follows a store
    in the loop body, or if a DEPENDENCE pragma is false.

    With --rtl the first report images also run through the same kernel in SystemVerilog: every
    stage is compared, and cycles are counted. Needs Verilator (the extra `measure`).
    """
    aim = target(study, runs, changes, trust=trust, accept=("study", "run", "pick"))
    picks = (*picks, *filter(None, (aim.address.pick,)))
    with opened(aim, stage="verify") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        def simulate() -> None:
            try:
                stages.verify(run, probe=probe, rtl=rtl, picks=picks, progress=shown)
            finally:
                if probe and not settings().json:
                    show_probes(run)

        verify_and_show(run, simulate)


@study_command
@click.option("--pick", "picks", multiple=True, help="Pick to tune; may be repeated. [all]")
def tune(
    study: str, changes: tuple[str, ...], runs: Path, trust: bool, picks: tuple[str, ...]
) -> None:
    """Fine-tune the subnet of each pick of STUDY; export and verify the better weights.

    STUDY may also be a run, or one pick of a run, such as runs/NAME/knee.

    The recipe is the table [tune] of STUDY, or [train] without one. The search split decides
    whether a pick keeps its inherited or its tuned weights; the printed accuracies are of the
    report split. Needs `qnas search`; resumes an interrupted tuning.
    """
    aim = target(study, runs, changes, trust=trust, accept=("study", "run", "pick"))
    picks = (*picks, *filter(None, (aim.address.pick,)))
    with opened(aim, stage="tune") as (run, shown):
        from qnas.studies.stages import pipeline as stages

        try:
            stages.tune(run, picks=picks, progress=shown)
        except VerificationError:
            _show_tuning(run)
            raise
        _show_tuning(run)


def _show_tuning(run: Run) -> None:
    from qnas._util.serialization import read_json
    from qnas.cli.console import show_tables, tuning_table

    summary = read_json(run.files.summary)
    result(lambda: summary, lambda: show_tables(tuning_table(summary["picks"])))
    note(f"Files: {run.files.path}")
