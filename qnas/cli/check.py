"""`qnas check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qnas.architecture import Architecture
    from qnas.studies.config import Study
    from qnas.studies.run.feasibility import Feasibility, ReferenceSubnet


@click.command("check")
@click.argument("study", metavar="STUDY.toml")
@click.option(
    "--data/--no-data",
    default=None,
    help="--data reads every image and names the faulty ones; --no-data skips the data."
    " Default: only the headers of the files are read.",
)
def command(study: str, data: bool | None) -> None:
    """Check before training, in about a second, whether STUDY can be satisfied.

    Estimates the space's smallest, middle and largest subnet on the device and compares them with
    the board's limits, the study's limits and the FPS targets. Then checks that the data exist,
    match the space and can be split, and reads the pretrained weights if the study names a file.
    Exit status 2 if no subnet fits or reaches a target or a limit, if the data are faulty, or if
    the space does not contain the shape of the pretrained weights.
    """
    from rich.markup import escape

    from qnas.cli.console import printer
    from qnas.studies.config import load_config
    from qnas.studies.run.data_check import check_warm_start
    from qnas.studies.run.feasibility import assess
    from qnas.studies.run.pretrained import check_weights, other_pixels

    config = load_config(study)
    found = assess(config)
    console = printer()
    console.print(_table(found))
    found.require()
    check_warm_start(config, config.search_space())
    imported = check_weights(config, config.search_space())
    for line in (*imported.lines(), *other_pixels(config, imported)) if imported else ():
        console.print(line, markup=False)
    remarks = () if data is False else _data_remarks(config, console, every_image=bool(data))
    for line in (*found.remarks(), *remarks):
        console.print(f"[yellow]{escape(line)}[/yellow]")
    console.print(f"[green]`{config.name}` can be satisfied.[/green]")


def _data_remarks(config: Study, console: Console, *, every_image: bool) -> tuple[str, ...]:
    """Remarks on the data, one sentence each; ConfigError for faulty data."""
    from qnas.cli.console import ConsoleProgress
    from qnas.studies.run.data_check import inspect_data, read_data

    space = config.search_space()
    found = inspect_data(config, space)
    if not every_image:
        unseen = (
            f"`{config.data_name}` is not called: `qnas check --data` looks at what it returns."
        )
        return found.remarks if found else (unseen,)
    with ConsoleProgress(console) as progress:
        progress.stage("data", config.data_name)
        header, remarks = read_data(
            config, space, lambda done, total: progress.advance(done, total, "files read")
        )
    console.print(f"{header.shape[0]:,} images of {header.num_classes:,} classes were read.")
    return remarks


def _table(found: Feasibility) -> Table:
    """The table with one column per subnet: cycles, FPS, resources, binding limits, targets."""
    from rich.markup import escape
    from rich.table import Table

    from qnas.accel.device import RESOURCES

    config, device = found.config, found.device
    title = (
        f"{config.name}: {config.space_name} on {device.name} at {device.clock_mhz:g} MHz, modelled"
    )
    table = Table(title=escape(title), title_justify="left")
    table.add_column("subnet")
    for subnet in found.reference_subnets:
        table.add_column(subnet.name, justify="right")

    def row(label: str, cells: list[str], *, end: bool = False) -> None:
        table.add_row(label, *cells, end_section=end)

    reference_subnets = found.reference_subnets
    row("embed dim x depth", [_size(c.architecture) for c in reference_subnets])
    row("folding TM x TT x TK, VL", [_folding(c) for c in reference_subnets], end=True)
    row("cycles", [f"{c.estimate.cycles:,}" if c.estimate else "-" for c in reference_subnets])
    row(
        "FPS",
        [f"{c.estimate.fps:,.0f}" if c.estimate else "-" for c in reference_subnets],
        end=True,
    )
    used = [r for r in RESOURCES if device.limits()[r] or any(c.used(r) for c in reference_subnets)]
    for resource in used:
        cells = [_amount(c, resource) for c in reference_subnets]
        row(f"{resource.upper()} / limit", cells, end=resource == used[-1])
    row("fits", [_yes(c.fits) for c in reference_subnets])
    row("binds", [_binding(c) for c in reference_subnets], end=True)
    for target in config.fps_targets:
        row(f"reaches {target:,} FPS", [_yes(c.reaches(target)) for c in reference_subnets])
    return table


def _size(arch: Architecture) -> str:
    return f"{arch.embed_dim} x {arch.depth}"


def _folding(subnet: ReferenceSubnet) -> str:
    f = subnet.folding
    return f"{f.tm} x {f.tt} x {f.tk}, {f.vl}" if f else "none"


def _amount(subnet: ReferenceSubnet, resource: str) -> str:
    if subnet.estimate is None:
        return "-"
    used, limit = subnet.used(resource), subnet.limits[resource]  # type: ignore[arg-type,index]
    text = f"{used:,.0f} / {limit:,}"
    return f"[red]{text}[/red]" if used > limit else text


def _binding(subnet: ReferenceSubnet) -> str:
    if subnet.estimate is None:
        return "number formats"
    return ", ".join(r.upper() for r in subnet.binding) or "the network"


def _yes(holds: bool) -> str:
    return "[green]yes[/green]" if holds else "[red]no[/red]"
