"""`qnas explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.studies.report.explanation import Explanation

KIND_TITLES = ("stages", "cycles", "share", "loops", "fills", "MACs", "products", "array", "kB")
TABLE_PARTS = 12


@click.command("explain")
@click.argument("pick", required=False, type=click.Path(path_type=Path, file_okay=False))
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
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write this page."
)
def command(
    pick: Path | None, arch: Path | None, device: str | None, dsp_share: float, html: Path | None
) -> None:
    """Break down the cycles, resources and bytes of an accelerator.

    PICK is a directory such as runs/NAME/picks/knee. Without PICK, give --arch and --device: the
    command explains the fastest plan of that architecture on that board.
    """
    from rich.markup import escape

    from qnas.cli.console import printer

    found = _explained(pick, arch, device, dsp_share)
    console = printer()
    console.print(f"[bold]{escape(found.title)}[/bold], modelled")
    for label, value in _facts(found):
        console.print(f"  {label:<14}{escape(value)}")
    console.print(_kinds(found))
    console.print(_parts(found))
    if html is not None:
        from qnas._util.serialization import write_atomically
        from qnas.studies.report.explain_page import render_explanation

        write_atomically(html, render_explanation(found))
        click.echo(f"Page: {html}")


def _explained(
    pick: Path | None, arch: Path | None, device: str | None, dsp_share: float
) -> Explanation:
    from qnas.errors import ConfigError, problem
    from qnas.studies.report.explanation import explain_architecture, explain_pick

    if pick is not None and arch is None:
        return explain_pick(pick, device=device)
    if pick is None and arch is not None and device is not None:
        return explain_architecture(arch, device, dsp_share=dsp_share)
    got = "both" if pick is not None else "neither"
    rule = "must be either PICK, or --arch together with --device"
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
