"""Commands that look at runs and tidy them: `qnas list`, `qnas status`, `qnas clean`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas._util.files import MIB
from qnas.cli.address import complete, runs_below
from qnas.cli.output import note, result
from qnas.cli.stage import run_directory, runs_option

if TYPE_CHECKING:
    from qnas.studies.run.kept_files import Removable
    from qnas.studies.stages.status import RunStatus


@click.command("list")
@click.argument(
    "folder", default="runs", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
def list_(folder: Path) -> None:
    """List the runs in FOLDER: stage, trials, lowest error, picks and size. Default: runs"""
    from qnas.errors import QnasError
    from qnas.studies.stages.status import status

    found, faults = [], {}
    for run in runs_below(folder):
        try:
            found.append(status(run))
        except QnasError as error:  # of a damaged run: the others are still listed
            faults[run] = str(error)
    result(lambda: found, lambda: _show_list(folder, found))
    for run, fault in faults.items():
        note(f"{run}: {fault}")


def _show_list(folder: Path, found: list[RunStatus]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnas.cli.console import show_tables

    if not found:
        click.echo(f"No run in {folder}.")
        return
    table = Table(title=f"Runs in {folder}", title_justify="left")
    for title in ("run", "space", "device", "done"):
        table.add_column(title)
    for title in ("trials", "lowest error", "picks", "MiB"):
        table.add_column(title, justify="right")
    for run in found:
        error = "-" if run.best_error is None else f"{run.best_error:.2f} %"
        cells = (Path(run.run).name, run.space, run.device, run.stage)
        counts = (f"{run.trials:,}", error, str(len(run.picks)), f"{run.mebibytes:,.1f}")
        table.add_row(*map(escape, cells), *counts)
    show_tables(table)


@click.command("status")
@click.argument("study", metavar="STUDY", shell_complete=complete)
@runs_option
def status(study: str, runs: Path) -> None:
    """Show which stages of a run are done, what is next, and how long each took.

    STUDY is a run such as runs/NAME, or a study whose run is in --runs. The command works also
    while another process trains or searches the run.
    """
    from qnas.studies.stages.status import status

    found = status(run_directory(study, runs))
    result(lambda: found, lambda: _show_status(found))


def _show_status(found: RunStatus) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnas.cli.console import show_tables
    from qnas.studies.progress import duration

    title = f"{found.run}: {found.space} on {found.device}, {found.mebibytes:,.1f} MiB"
    table = Table(title=escape(title), title_justify="left")
    for column in ("stage", "done", "what is there"):
        table.add_column(column)
    table.add_column("time", justify="right")
    for stage in found.stages:
        seconds = "-" if stage.seconds is None else duration(stage.seconds)
        done = "[green]yes[/green]" if stage.done else "no"
        table.add_row(stage.name, done, escape(stage.progress), seconds)
    show_tables(table)
    if found.best_error is not None:
        click.echo(f"Lowest error on the search split: {found.best_error:.2f} %")
    if found.tuned:
        click.echo(f"Fine-tuned subnets: {found.tuned}")
    if found.remark:
        click.echo(found.remark)
    click.echo(f"Next: {found.next}" if found.next else "Nothing is left to do.")


@click.command("clean")
@click.argument("study", metavar="STUDY", shell_complete=complete)
@runs_option
@click.option("--cache", is_flag=True, help="Also remove the compiled helpers of all runs.")
@click.option("--yes", is_flag=True, help="Remove the files; without it they are only listed.")
def clean(study: str, runs: Path, cache: bool, yes: bool) -> None:
    """List the files of a run that no stage needs, with their sizes; with --yes remove them.

    STUDY is a run such as runs/NAME, or a study whose run is in --runs. Weights, trials, projects,
    measurements and the checkpoint of an unfinished training stay.
    """
    from qnas.studies.run.kept_files import removable, remove
    from qnas.studies.run.opening import readable_config

    directory = run_directory(study, runs)
    readable_config(directory, trust=True)  # reads the manifest alone: no file is executed
    found = removable(directory, cache=cache)
    if yes:
        remove(directory, found)
    document = {"run": str(directory), "removed": yes, "files": found, "bytes": _sum(found)}
    result(lambda: document, lambda: _show_clean(directory, found, removed=yes))


def _sum(found: tuple[Removable, ...]) -> int:
    return sum(one.bytes for one in found)


def _show_clean(run: Path, found: tuple[Removable, ...], *, removed: bool) -> None:
    from qnas.errors import printable

    for one in found:
        click.echo(f"{one.bytes / MIB:10,.2f} MiB  {printable(str(one.path))}  ({one.what})")
    total = f"{_sum(found) / MIB:,.2f} MiB"
    if not found:
        click.echo(f"Nothing to remove in {run}.")
    elif removed:
        click.echo(f"{total} removed.")
    else:
        click.echo(f"{total} can be removed: `qnas clean {run} --yes` does it.")
