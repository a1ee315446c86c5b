"""Options, opening of runs and tables that the stage commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.address import Address, Kind, complete, find, one_pick
from qnas.cli.output import note, result, settings
from qnas.errors import ConfigError, MissedTargetError, VerificationError, problem

if TYPE_CHECKING:
    from qnas.studies.config import Study
    from qnas.studies.open_run import OpenRun
    from qnas.studies.progress import Progress
    from qnas.studies.run.run import Run


def runs_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --runs."""
    return click.option(
        "--runs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help="Folder of the run directories.",
    )(function)


def set_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --set, as the parameter `changes`."""
    return click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a value of the study, such as train.epochs=5; may be repeated.",
    )(function)


def trust_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option --trust."""
    about = "Execute the Python files that a run names."
    return click.option("--trust", is_flag=True, help=about)(function)


def study_command(function: Callable[..., Any]) -> click.Command:
    """Make a command with the argument STUDY and the options --set, --runs and --trust.

    The command is named like the function, or like its module if the function is `command`.
    """
    study = click.argument("study", metavar="STUDY", shell_complete=complete)
    name = function.__name__
    own = function.__module__.rpartition(".")[2] if name == "command" else name
    return click.command(own)(study(set_option(runs_option(trust_option(function)))))


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


@dataclass(frozen=True, slots=True)
class Target:
    """The study that a command works on.

    Attributes:
        address: What the argument names.
        config: The study, with the changes of --set.
        runs: Folder of its run's directory.
    """

    address: Address
    config: Study
    runs: Path

    @property
    def directory(self) -> Path:
        """The directory of the run."""
        return self.runs / self.config.name


def target(
    text: str,
    runs: Path,
    changes: Sequence[str] = (),
    *,
    trust: bool = False,
    accept: tuple[Kind, ...] = ("study", "run"),
) -> Target:
    """The study that `text` names, or that of the run that it names.

    Raises ConfigError if it names neither, and for a run whose study executes Python files, unless
    `trust` is set.
    """
    from qnas.studies.config import changed, load_config
    from qnas.studies.run.opening import recorded_config

    address = find(text, runs=runs, accept=accept)
    if address.kind == "study":
        return Target(address, load_config(text, changes), runs)
    if address.run is None:
        rule, remedy = "must be a pick inside a run", "Name a run, or RUN/PICK."
        raise ConfigError(problem(text, rule, "a folder outside any run", remedy))
    config = changed(recorded_config(address.run, trust=trust), changes)
    if address.run.resolve().name != config.name:
        rule = f"must be named as its study, {config.name!r}, to be written"
        raise ConfigError(problem(str(address.run), rule, "another name", "Rename the folder."))
    return Target(address, config, address.run.resolve().parent)


def opened_to_read(
    text: str, runs: Path, changes: Sequence[str] = (), *, stage: str, trust: bool = False
) -> OpenRun:
    """Open the run that `text` names, or that of the study that it names, read-only, also during a
    search.

    Python files that a study names are not executed: what they define is in the run's manifest.
    """
    from qnas.studies.config import load_config
    from qnas.studies.open_run import OpenRun, open_run
    from qnas.studies.run.opening import readable_config

    address = find(text, runs=runs, accept=("study", "run"))
    if address.run is not None:
        return open_run(address.run, trust=trust)
    config = load_config(text, changes, execute=False)
    run = OpenRun(config, runs / config.name, read_only=True)
    run.need(stage, run.files.manifest.is_file(), "train")
    return OpenRun(readable_config(run.path, config=config), run.path, read_only=True)


def run_directory(text: str, runs: Path) -> Path:
    """The directory of the run that `text` names, or that of the study that it names."""
    address = find(text, runs=runs, accept=("study", "run"))
    if address.run is not None:
        return address.run
    from qnas.studies.config import load_config

    return runs / load_config(text, execute=False).name


def pick_folder(text: str, runs: Path) -> Path:
    """The directory of the pick that `text` names: a pick, or a run or study with one pick."""
    address = find(text, runs=runs)
    if address.kind != "study":
        return one_pick(address)
    from qnas.studies.config import load_config

    return one_pick(address, runs=runs, name=load_config(text, execute=False).name)


@contextmanager
def opened(aim: Target, *, stage: str) -> Iterator[tuple[Run, Progress]]:
    """Open the run of `aim` for writing, with a progress shown on the console."""
    with opened_study(aim.config, aim.runs, stage=stage) as both:
        yield both


@contextmanager
def opened_study(config: Study, runs: Path, *, stage: str) -> Iterator[tuple[Run, Progress]]:
    """Open the run of a study under `runs`, as `opened` does."""
    from qnas.cli.output import progress
    from qnas.studies.run.opening import writable_run

    with (
        progress() as shown,
        writable_run(config, runs=runs, stage=stage, progress=shown) as run,
    ):
        yield run, shown


def verify_and_show(run: Run, stage: Callable[[], object], *, tell_missed: bool = True) -> None:
    """Run a verifying stage, then print the summary.json that the stage wrote.

    It is printed also if the C++ differs: it has the counts, and the error names the first
    difference. With `tell_missed`, the FPS targets that the front misses follow the table.
    """
    try:
        stage()
    except VerificationError:
        show_summary(run)
        raise
    show_summary(run, tell_missed=tell_missed)


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
    from qnas.cli.console import multi_network_tables, show_tables
    from qnas.studies.stages.kernels import multi_network_kernel, picks
    from qnas.studies.stages.multi_network import read_facts
    from qnas.studies.stages.verify import verdicts_of

    facts = read_facts(run)
    if facts is not None:
        limits: dict[str, int] = {name: limit for name, limit in run.device.limits().items()}
        kernel = multi_network_kernel(run, picks(run))
        verdicts = [encode(verdict) for verdict in verdicts_of(kernel)]
        show_tables(*multi_network_tables(encode(facts), verdicts, limits))


def show_probes(run: Run) -> None:
    """Print one table per project: the memory accesses of its loops, from verification.json."""
    from qnas.cli.console import probe_table, show_tables
    from qnas.studies.stages.verify import verifications

    for name, found in verifications(run).items():
        if found["probe"]:
            show_tables(probe_table(name, found["probe"]))


def show_status(directory: Path) -> None:
    """With --json, print the state of the run as `qnas status` does."""
    if settings().json:
        from qnas.studies.stages.status import status

        result(lambda: status(directory), lambda: None)


def show_summary(run: Run, *, tell_missed: bool = True) -> None:
    """Print summary.json; print nothing if a failed verification removed the file."""
    from qnas._util.serialization import read_json

    if run.files.summary.exists():
        result(
            lambda: read_json(run.files.summary),
            lambda: _show_summary(run, tell_missed=tell_missed),
        )


def _show_summary(run: Run, *, tell_missed: bool) -> None:
    from qnas._util.serialization import read_json
    from qnas.cli.console import printer, show_tables, summary_table, tuning_table
    from qnas.studies.results.picks import MissedTarget

    limits: dict[str, int] = {name: limit for name, limit in run.device.limits().items()}
    summary = read_json(run.files.summary)
    table = summary_table(summary, limits)
    show_tables(table, columns=30 + 30 * len(table.columns))
    if any(pick.get("tuning") for pick in summary["picks"]):
        show_tables(tuning_table(summary["picks"]))
    for missed in summary.get("missed_targets", ()) if tell_missed else ():
        printer().print(f"[red]{MissedTarget(**missed)}[/red]", soft_wrap=True)
    show_multi_network(run)
    note(f"Files: {run.files.path}")
