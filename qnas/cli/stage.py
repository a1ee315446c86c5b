"""Options, opening of runs and tables that the stage commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.errors import MissedTargetError, VerificationError, problem

if TYPE_CHECKING:
    from qnas.studies.open_run import OpenRun
    from qnas.studies.progress import Progress
    from qnas.studies.run.run import Run


def study_command(function: Callable[..., Any]) -> click.Command:
    """Make a command with the argument STUDY and the option --runs.

    The command is named like the function, or like its module if the function is `command`.
    """
    runs = click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="Folder of the run directories.",
    )
    study = click.argument("study", metavar="STUDY.toml")
    name = function.__name__
    own = function.__module__.rpartition(".")[2] if name == "command" else name
    return click.command(own)(study(runs(function)))


def pool_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --workers and --storage, for commands that search."""
    workers = click.option(
        "--workers", default=1, show_default=True, help="Search processes on this machine."
    )
    storage = click.option(
        "--storage",
        default="",
        metavar="URL",
        envvar="QNAS_STORAGE",
        show_envvar=True,
        help="Optuna storage to share with other machines: postgresql://..., grpc://HOST:PORT.",
    )
    return workers(storage(function))


def opened_to_read(study: str, runs: Path, *, stage: str) -> OpenRun:
    """Open the run of `study`, or in the directory `study`, read-only, also during a search.

    Python files that the study names are not executed: what they define is in the run's manifest.
    """
    from qnas.studies.config import load_config
    from qnas.studies.open_run import OpenRun, open_run
    from qnas.studies.run.opening import readable_config

    if (Path(study) / "manifest.json").is_file():
        return open_run(study)
    config = load_config(study, execute=False)
    run = OpenRun(config, runs / config.name, read_only=True)
    run.need(stage, run.files.manifest.is_file(), "train")
    return OpenRun(readable_config(run.path, config=config), run.path, read_only=True)


@contextmanager
def opened(study: str, runs: Path, *, stage: str) -> Iterator[tuple[Run, Progress]]:
    """Open the run of `study` for writing, with a progress shown on the console."""
    from rich.console import Console

    from qnas.cli.console import ConsoleProgress
    from qnas.studies.config import load_config
    from qnas.studies.run.opening import writable_run

    config = load_config(study)
    with (
        writable_run(config, runs=runs, stage=stage) as run,
        ConsoleProgress(Console(soft_wrap=True)) as progress,
    ):
        for correction in run.corrections:
            progress.stage("study", correction)
        yield run, progress


def verify_and_show(run: Run, stage: Callable[[], object]) -> None:
    """Run a verifying stage, then print the table of the summary.json that the stage wrote.

    The table is printed also if the C++ differs: it has the counts, and the error names the first
    difference.
    """
    try:
        stage()
    except VerificationError:
        show_summary(run)
        raise
    show_summary(run)


def check_targets(run: Run) -> None:
    """Raise MissedTargetError if the front misses an FPS target of the study."""
    from qnas.studies.stages.kernels import missed_targets

    if found := missed_targets(run):
        raise MissedTargetError(
            problem(
                "fps_targets",
                "must be reached by some member of the front",
                ", ".join(f"{one.target:,}" for one in found),
                f"The fastest reaches {found[0].fps:,.0f} FPS at {found[0].error:.2f} % error "
                f"(architecture {found[0].key}): choose at most that, or search longer. The other "
                "picks are finished.",
            )
        )


def show_multi_network(run: Run) -> None:
    """Print the multi-network kernel's resources and speed beside each pick's own kernel; print
    nothing if the run has no multi-network kernel."""
    from qnas._util.serialization import encode
    from qnas.cli.console import multi_network_tables, printer
    from qnas.studies.stages.kernels import multi_network_kernel, picks
    from qnas.studies.stages.multi_network import read_facts
    from qnas.studies.stages.verify import verdicts_of

    facts = read_facts(run)
    if facts is not None:
        limits: dict[str, int] = {name: limit for name, limit in run.device.limits().items()}
        kernel = multi_network_kernel(run, picks(run))
        verdicts = [encode(verdict) for verdict in verdicts_of(kernel)]
        for table in multi_network_tables(encode(facts), verdicts, limits):
            printer().print(table)


def show_probes(run: Run) -> None:
    """Print one table per project: the memory accesses of its loops, from verification.json."""
    from qnas.cli.console import printer, probe_table
    from qnas.studies.stages.verify import verifications

    for name, found in verifications(run).items():
        if found["probe"]:
            printer().print(probe_table(name, found["probe"]))


def show_summary(run: Run) -> None:
    """Print the table of summary.json; print nothing if a failed verification removed the file."""
    from rich.console import Console

    from qnas._util.serialization import read_json
    from qnas.cli.console import summary_table
    from qnas.studies.results.picks import MissedTarget

    if run.files.summary.exists():
        limits: dict[str, int] = {name: limit for name, limit in run.device.limits().items()}
        summary = read_json(run.files.summary)
        table = summary_table(summary, limits)
        console = Console()
        if not console.is_terminal:  # a pipe has no width of its own: wrap no cell
            console = Console(width=30 + 30 * len(table.columns))
        console.print(table)
        for target in summary.get("missed_targets", ()):
            console.print(f"[red]{MissedTarget(**target)}[/red]")
        show_multi_network(run)
        click.echo(f"Files: {run.files.path}")
