"""The stages of a run as functions. Each does only the missing work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qnas._util.serialization import write_atomically
from qnas.accel.csim.toolchain import Toolchain
from qnas.errors import QnasError
from qnas.studies.progress import SILENT, Progress
from qnas.studies.run.outcome import Summary
from qnas.studies.run.run import Run
from qnas.studies.search.loop import Callback
from qnas.studies.stages import export as exporting
from qnas.studies.stages import rtl as rtl_stage
from qnas.studies.stages import search as searching
from qnas.studies.stages import train as training
from qnas.studies.stages import tune as tuning
from qnas.studies.stages import verify as verifying
from qnas.studies.stages.kernels import picks
from qnas.studies.stages.sensitivity import measure_sensitivity
from qnas.studies.stages.summary import summarise
from qnas.studies.workers.pool import ONE_WORKER, WorkerPool

if TYPE_CHECKING:
    from qnas.studies.report.content import ReportContent


def train(run: Run, *, progress: Progress = SILENT) -> None:
    """Train the supernet."""
    training.train(run, progress)


def search(
    run: Run,
    *,
    pool: WorkerPool = ONE_WORKER,
    progress: Progress = SILENT,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Search subnets and foldings; write front.csv. Needs `train`.

    `callbacks` are called with the study and each finished trial, as Optuna's; they may stop it.
    """
    searching.search(run, progress, pool, callbacks=callbacks)


def report(run: Run, *, png: bool = False, progress: Progress = SILENT) -> None:
    """Write report.html from the study and the verifications so far; with `png`, also its figures.

    Needs `search`, which may still be running.
    """
    from qnas.studies.report.page import render
    from qnas.studies.report.pictures import Pictures

    _measure(run, progress)
    content = report_content(run)
    drawn = Pictures.of(content)
    page = render(content, drawn)
    known = run.files.report.read_text("utf-8") if run.files.report.exists() else ""
    progress.stage("report", "report.html is up to date" if page == known else "report.html")
    if page != known:
        write_atomically(run.files.report, page)
    if png:
        from qnas.studies.report.pictures import write_images

        files = write_images(content, drawn, run.files.figures)
        progress.stage("report", f"{len(files)} figures")


def _measure(run: Run, progress: Progress) -> None:
    """Measure what the report shows and no stage has measured, once the search is done."""
    if not (run.trained() and run.files.journal.exists() and searching.searched(run)):
        return
    try:
        measure_sensitivity(run, progress)
    except (QnasError, OSError) as error:  # a run may be read where its data are not
        progress.stage("report", f"no sensitivity: {error}")


def report_content(run: Run) -> ReportContent:
    """The current content of the report of `run`; StageOrderError before the first trial."""
    from qnas.studies.report.page import content_of

    searching.check_supernet(run)
    run.searched_records("report")
    return content_of(run, picks(run), verifying.verifications(run))


def rendered_report(run: Run) -> str:
    """The page that `report` writes."""
    from qnas.studies.report.page import render

    return render(report_content(run))


def export(run: Run, *, together: bool = False, progress: Progress = SILENT) -> None:
    """Write the HLS project of each pick. Needs `search`.

    With `together`, also write the project of one kernel that runs all picks; later calls keep an
    existing one up to date.
    """
    exporting.export(run, progress, multi_network=together)
    exporting.tell_missed_targets(run, progress)


def verify(
    run: Run,
    *,
    probe: bool = False,
    rtl: bool = False,
    picks: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Summary:
    """Verify each project, write summary.json and return its content. Needs `export`.

    With `probe`, also check the memory accesses of each project (`qnas.accel.csim.probe`). With
    `rtl`, also simulate the RTL of the kernels of the named `picks` (all without names), if
    Verilator is installed.

    Raises VerificationError, after everything is written, if any value differs or a probe finds a
    fault.
    """
    verifying.verify(run, progress, probe=probe)
    if rtl:
        rtl_stage.simulate(run, progress, names=picks)
    summary = summarise(run)
    verifying.check_verified(run)
    return summary


def tune(run: Run, *, picks: Sequence[str] = (), progress: Progress = SILENT) -> Summary:
    """Fine-tune the subnets of the named picks (all without names), export and verify the changed
    ones, and return the content of summary.json. Needs `search`.

    Raises ToolMissingError, before anything else, without g++.
    """
    Toolchain().version()
    tuning.tune(run, progress, picks)
    exporting.tell_missed_targets(run, progress)
    return _to_report(run, progress)


def run_all(
    run: Run,
    *,
    pool: WorkerPool = ONE_WORKER,
    rtl: bool = False,
    progress: Progress = SILENT,
    callbacks: Sequence[Callback] = (),
    tell_missed: bool = True,
) -> Summary:
    """Run all missing stages, and return the content of summary.json. `tune` is one of them if the
    study's `tune.picks` says so. With `rtl` the kernels are simulated as RTL too, where Verilator
    is installed.

    An FPS target that the front misses makes no pick; the summary lists it, and with
    `tell_missed` the progress does too. Raises ToolMissingError, before anything else, if a project
    must be verified without g++.
    """
    if not verifying.everything_verified(run):
        Toolchain().version()
    train(run, progress=progress)
    search(run, pool=pool, progress=progress, callbacks=callbacks)
    if run.config.tune.picks:
        tuning.tune(run, progress)
    if tell_missed:
        exporting.tell_missed_targets(run, progress)
    return _to_report(run, progress, rtl=rtl)


def _to_report(run: Run, progress: Progress, *, rtl: bool = False) -> Summary:
    """Run the stages from picks to the report. A mismatch is raised last, after summary and report
    show it."""
    exporting.export(run, progress)
    verifying.verify(run, progress)
    if rtl:
        rtl_stage.simulate(run, progress)
    summary = summarise(run)
    report(run, progress=progress)
    verifying.check_verified(run)
    return summary
