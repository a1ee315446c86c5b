"""The stages of a run, one after the other. Each does only what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qnas._util.serialization import write_atomically
from qnas.accel.csim.toolchain import Toolchain
from qnas.errors import ConfigError
from qnas.studies.run.progress import Progress, Silent
from qnas.studies.run.run import Workspace
from qnas.studies.stages import export as exporting
from qnas.studies.stages import search as searching
from qnas.studies.stages import train as training
from qnas.studies.stages import tune as tuning
from qnas.studies.stages import verify as verifying
from qnas.studies.stages.multi_network import export_together
from qnas.studies.stages.multi_network_verify import check_together_verified, verify_together
from qnas.studies.stages.summary import summarise
from qnas.studies.workers.pool import ALONE, Team

SILENT = Silent()


def train(work: Workspace, *, progress: Progress = SILENT) -> None:
    """Train the supernet."""
    training.train(work, progress)


def search(work: Workspace, *, team: Team = ALONE, progress: Progress = SILENT) -> None:
    """Search subnets and foldings; write front.csv. Needs `train`."""
    searching.search(work, progress, team)


def report(work: Workspace, *, png: bool = False, progress: Progress = SILENT) -> None:
    """Write report.html from the study, and from the verifications there are; with `png`, its
    figures as well. Needs `search`."""
    from qnas.studies.report.page import content_of, render

    work.need("report", searching.searched(work), "search")
    # Without the targets that nobody reaches: it is the report that shows why.
    picks, found = exporting.reachable_picks(work), verifying.verifications(work)
    content = content_of(work, picks, found)
    page = render(content)
    known = work.files.report.read_text("utf-8") if work.files.report.exists() else ""
    progress.stage("report", "report.html is up to date" if page == known else "report.html")
    if page != known:
        write_atomically(work.files.report, page)
    if png:
        from qnas.studies.report.png import write_images

        files = write_images(content, work.files.figures)
        progress.stage("report", f"{len(files)} figures")


def export(work: Workspace, *, together: bool = False, progress: Progress = SILENT) -> None:
    """Write the HLS project of each pick. Needs `search`.

    With `together` one of a kernel that runs all picks as well; where that was once written it is
    kept up to date.
    """
    exporting.export(work, progress)
    if together or work.files.together.path.exists():
        export_together(work, progress)


def verify(work: Workspace, *, probe: bool = False, progress: Progress = SILENT) -> dict[str, Any]:
    """Verify each project and write summary.json, which is returned. Needs `export`. With `probe`
    the memories of each are watched as well (`qnas.accel.csim.probe`).

    Raises VerificationError, after everything is written, if any value differs or a probe finds a
    fault.
    """
    _verify(work, progress, probe=probe)
    summary = summarise(work)
    _check_verified(work)
    return summary


def _verify(work: Workspace, progress: Progress, *, probe: bool = False) -> None:
    verifying.verify(work, progress, probe=probe)
    verify_together(work, progress, probe=probe)


def _check_verified(work: Workspace) -> None:
    verifying.check_verified(work)
    check_together_verified(work)


def tune(
    work: Workspace, *, picks: Sequence[str] = (), progress: Progress = SILENT
) -> dict[str, Any]:
    """Train the subnets of the named picks (none: of all) on, each alone; then export and verify
    what is not, and return the content of summary.json. Needs `search`.

    Raises ToolMissingError before anything else without g++.
    """
    Toolchain().version()
    tuning.tune(work, progress, picks)
    return _to_report(work, progress)


def run(work: Workspace, *, team: Team = ALONE, progress: Progress = SILENT) -> dict[str, Any]:
    """Everything, from images to verified accelerators; returns the content of summary.json.

    Raises ToolMissingError before anything else if something is to verify and there is no g++,
    ConfigError after the report is written if the front misses an FPS target.
    """
    if not verifying.everything_verified(work):
        Toolchain().version()
    train(work, progress=progress)
    search(work, team=team, progress=progress)
    try:
        exporting.picks(work)
    except ConfigError:  # the front misses a target: its report shows by how much
        report(work, progress=progress)
        raise
    return _to_report(work, progress)


def _to_report(work: Workspace, progress: Progress) -> dict[str, Any]:
    """From picks to the report. A mismatch is raised last: summary and report tell of it."""
    export(work, progress=progress)
    _verify(work, progress)
    summary = summarise(work)
    report(work, progress=progress)
    _check_verified(work)
    return summary
