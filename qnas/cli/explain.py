"""`qnas explain`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.address import complete
from qnas.cli.output import html_option, result, write_page
from qnas.cli.stage import pick_folder, runs_option

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.studies.report.explanation import Explanation

KIND_TITLES = ("stages", "cycles", "share", "loops", "fills", "MACs", "products", "array", "kB")
TABLE_PARTS = 12


@click.command("explain")
@click.argument("pick", required=False, metavar="[RUN/PICK]", shell_complete=complete)
@click.option(
    "--arch",
    type=click.Path(path_type=Path),
    help="JSON file of an architecture (requires --device).",
)
@click.option("--device", help="Board: a name, or the path of a TOML file.")
@click.option(
    "--dsp-share", type=float, default=1.0, show_default=True, help="Share of the board's DSPs."
)
@click.option(
    "--batch", type=int, default=1, show_default=True, help="Images of a pass, with --arch."
)
@runs_option
@html_option
def command(
    pick: str | None,
    arch: Path | None,
    device: str | None,
    dsp_share: float,
    batch: int,
    runs: Path,
    html: Path | None,
) -> None:
    """Break down the cycles, resources and bytes of an accelerator.

    RUN/PICK is a pick such as runs/NAME/knee, a folder that `qnas pick --out` wrote, or a run or a
    study with one pick. Without it, give --arch and --device: the command explains the fastest plan
    of that architecture on that board. All figures are the cost model's, of the C++ kernel; those
    that `qnas run` predicts of the RTL kernel differ a little.
    """
    found = _explained(pick, arch, device, runs, dsp_share=dsp_share, batch=batch)
    result(lambda: _document(found), lambda: _show(found))
    if html is not None:
        from qnas.studies.report.explain_page import render_explanation

        write_page(html, render_explanation(found))


def _document(found: Explanation) -> dict[str, Any]:
    """What --json prints."""
    return {
        "title": found.title,
        "device": found.device.name,
        "architecture": found.plan.architecture,
        "folding": found.plan.folding,
        "clock_mhz": found.plan.clock_mhz,
        "estimate": found.estimate,
        "batch": found.estimate.batch,
        "fps": found.estimate.fps,
        "latency_ms": found.estimate.latency_ms,
        "array_use": found.array_use,
        "array_shares": found.array_shares,
        "free_rows": found.free_rows,
        "energy": found.energy,
        "limits": found.device.limits(),
        "kinds": found.kinds(),
        "units": found.parts,
    }


def _show(found: Explanation) -> None:
    from rich.markup import escape

    from qnas.cli.console import printer, show_tables

    console = printer()
    console.print(f"[bold]{escape(found.title)}[/bold], C++ kernel, modelled")
    for label, value in _facts(found):
        text = f"  {label:<13} {value}"
        for line in textwrap.wrap(text, console.width, subsequent_indent=" " * 16):
            console.print(escape(line))
    show_tables(_kinds(found), _parts(found))


def _explained(
    pick: str | None,
    arch: Path | None,
    device: str | None,
    runs: Path,
    *,
    dsp_share: float,
    batch: int,
) -> Explanation:
    from qnas.errors import ConfigError, problem
    from qnas.studies.report.explanation import explain_architecture, explain_pick

    if pick is not None and arch is None:
        return explain_pick(pick_folder(pick, runs), device=device)
    if pick is None and arch is not None and device is not None:
        return explain_architecture(arch, device, dsp_share=dsp_share, batch=batch)
    got = "both" if pick is not None else "neither"
    rule = "must be either RUN/PICK, or --arch together with --device"
    raise ConfigError(problem("explain", rule, got, "See `qnas explain --help`."))


def _facts(found: Explanation) -> list[tuple[str, str]]:
    from qnas.studies.report.explain_page import facts

    return facts(found)


def _kinds(found: Explanation) -> Table:
    from rich.table import Table

    from qnas.studies.report.explain_page import kind_rows

    table = Table(title="Cycles by kind of stage", title_justify="left")
    table.add_column("kind")
    for title in KIND_TITLES:
        table.add_column(title, justify="right")
    for label, cells in kind_rows(found):
        table.add_row(label, *cells)
    return table


def _parts(found: Explanation) -> Table:
    from rich.table import Table

    from qnas.studies.report.explain_page import part_rows

    table = Table(title="Resources by unit", title_justify="left")
    table.add_column("unit")
    for name in found.resources():
        table.add_column(name.upper(), justify="right")
    rows = part_rows(found, TABLE_PARTS)
    for index, (label, cells) in enumerate(rows):
        table.add_row(label, *cells, end_section=index == len(rows) - 4)
    return table
