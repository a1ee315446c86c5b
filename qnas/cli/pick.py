"""`qnas pick`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.address import complete
from qnas.cli.output import result
from qnas.cli.stage import opened_to_read, runs_option, set_option, trust_option
from qnas.errors import ConfigError, problem

if TYPE_CHECKING:
    from qnas.studies.open_run import OpenRun, PickedTrial
    from qnas.studies.search.trials import TrialRecord


@click.command("pick")
@click.argument("study", metavar="STUDY", shell_complete=complete)
@set_option
@click.option(
    "--fps",
    type=float,
    default=0.0,
    help="Choose the most accurate candidate of at least this FPS.",
)
@click.option(
    "--at-most",
    multiple=True,
    metavar="NAME=VALUE",
    help="Upper limit, such as error=3 (percent), dsp=400 or latency=0.5 (ms); may be repeated.",
)
@click.option(
    "--at-least",
    multiple=True,
    metavar="NAME=VALUE",
    help="Lower limit, such as fps=5000; may be repeated.",
)
@click.option(
    "--weight", multiple=True, metavar="NAME=VALUE", help="Weight of an objective; may be repeated."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write the pick's HLS project to this folder."
)
@runs_option
@trust_option
def command(
    study: str,
    changes: tuple[str, ...],
    fps: float,
    at_most: tuple[str, ...],
    at_least: tuple[str, ...],
    weight: tuple[str, ...],
    out: Path | None,
    runs: Path,
    trust: bool,
) -> None:
    """Choose one candidate of STUDY and print the reasons: the knee, or by target, limits, weights.

    STUDY may also be a run's directory, as runs/NAME. The candidate is chosen from the front of the
    candidates that keep the limits. report.html has a slider for each limit.
    """
    run = opened_to_read(study, runs, changes, stage="pick", trust=trust)
    picked = run.pick(
        fps=fps,
        at_most=_numbers("at-most", at_most),
        at_least=_numbers("at-least", at_least),
        weights=_numbers("weight", weight),
    )
    if out is not None:
        picked.export(out)
    result(lambda: _document(picked), lambda: _show(run, picked))


def _numbers(option: str, given: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            rule = "must be NAME=VALUE with a number"
            raise ConfigError(
                problem(f"--{option}", rule, repr(text), "Write, say, dsp=400.")
            ) from None
    return found


def _show(run: OpenRun, picked: PickedTrial) -> None:
    from rich.table import Table

    from qnas.cli.console import printer, show_tables

    table = Table(title=f"Pick: trial {picked.trial.number}", title_justify="left")
    columns = {"pick": picked.trial, "more accurate": picked.more_accurate, "faster": picked.faster}
    there = {name: trial for name, trial in columns.items() if trial is not None}
    table.add_column("")
    for name in there:
        table.add_column(name, justify="right")
    for label, cells in _rows(list(there.values())):
        table.add_row(label, *cells)
    show_tables(table)
    console = printer()
    for reason in picked.reasons:
        console.print(f"- {reason}", markup=False)
    title = picked.trial.predicted.title
    kept = f"Limits of {run.device.name}: all kept. Cycles, FPS and resources: {title}."
    console.print(kept, markup=False)


def _rows(trials: list[TrialRecord]) -> list[tuple[str, list[str]]]:
    from qnas._util.units import in_passes
    from qnas.studies.results.network_size import network_size

    def row(label: str, cell: Any) -> tuple[str, list[str]]:
        return label, [cell(trial) for trial in trials]

    return [
        row("trial", lambda t: str(t.number)),
        row("architecture", lambda t: t.key),
        row("embed dim, depth", lambda t: f"{t.architecture.embed_dim}, {t.architecture.depth}"),
        row("weights in 8-bit rows", lambda t: f"{network_size(t.architecture).w8_share:.1%}"),
        row("error (search split)", lambda t: f"{t.values['error']:.2f} %"),
        row(f"FPS{in_passes(trials[0].estimate.batch)}", lambda t: t.predicted.text("fps")),
        *(
            row(name.upper(), lambda t, name=name: t.predicted.text(name))
            for name in ("lut", "ff", "dsp", "bram18")
        ),
    ]


def _document(picked: PickedTrial) -> dict[str, Any]:
    from qnas._util.serialization import encode

    trial = picked.trial
    return {
        "trial": trial.number,
        "key": trial.key,
        "values": dict(trial.values),
        "estimate": encode(trial.estimate),
        "predicted": encode(trial.predicted.amounts),
        "kernel": trial.predicted.title,
        "fps": trial.fps,
        "batch": trial.estimate.batch,
        "dsp_share": trial.proposal.dsp_share,
        "architecture": encode(trial.architecture),
        "reasons": list(picked.reasons),
    }
