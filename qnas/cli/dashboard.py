"""`qnas dashboard`."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnas.cli.address import complete
from qnas.cli.output import note, result
from qnas.cli.stage import opened_to_read, runs_option, set_option, trust_option

if TYPE_CHECKING:
    from qnas.studies.report.dashboard import Mirror

REFRESH_SECONDS = 5.0


@click.command("dashboard")
@click.argument("study", metavar="STUDY", shell_complete=complete)
@set_option
@runs_option
@trust_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port to listen on.",
)
def command(
    study: str, changes: tuple[str, ...], runs: Path, trust: bool, host: str, port: int
) -> None:
    """Show STUDY's run in optuna-dashboard, also during a search. Ctrl-C stops the dashboard.

    The dashboard shows the front, constraints and importances, a note on each Pareto trial, and
    the report and projects to download. It works on a copy: nothing done there changes the run.
    """
    from qnas.studies.report.dashboard import Mirror

    run = opened_to_read(study, runs, changes, stage="dashboard", trust=trust)
    with tempfile.TemporaryDirectory(prefix="qnas-dashboard-") as folder:
        mirror = Mirror(run, Path(folder))
        trials = mirror.update()
        address = f"http://{host}:{port}/"
        found = {"study": run.config.name, "trials": trials, "address": address}
        result(
            lambda: found, lambda: click.echo(f"{trials} trials of {run.config.name} on {address}")
        )
        _keep_up(mirror)
        _serve(mirror, host, port)


def _keep_up(mirror: Mirror) -> None:
    def follow() -> None:
        while True:
            pause.wait(REFRESH_SECONDS)
            mirror.update()

    pause = threading.Event()
    threading.Thread(target=follow, daemon=True).start()


def _serve(mirror: Mirror, host: str, port: int) -> None:
    from optuna_dashboard import run_server

    try:
        run_server(mirror.storage, host=host, port=port, artifact_store=mirror.artifacts)
    except KeyboardInterrupt:
        note("stopped")
