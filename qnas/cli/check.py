"""`qnas check`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnas.cli.address import complete
from qnas.cli.output import note, result, settings
from qnas.cli.stage import runs_option, set_option, target, trust_option

if TYPE_CHECKING:
    from rich.table import Table

    from qnas.architecture import Architecture
    from qnas.data import DataHeader
    from qnas.studies.config import Study
    from qnas.studies.run.feasibility import Feasibility, ReferenceSubnet

GIB = 10 * 1024  # MiB from which an amount is given in GiB


@click.command("check")
@click.argument("study", metavar="STUDY", shell_complete=complete)
@set_option
@runs_option
@trust_option
@click.option(
    "--data/--no-data",
    default=None,
    help="--data reads every image and names the faulty ones; --no-data skips the data."
    " Default: only the headers of the files are read.",
)
def command(
    study: str, changes: tuple[str, ...], runs: Path, trust: bool, data: bool | None
) -> None:
    """Check before training, in about a second, whether STUDY can be satisfied.

    Estimates the space's smallest, middle and largest subnet on the device and compares them with
    the board's limits, the study's limits and the FPS targets. `binds` names the resources without
    whose limit a subnet would be faster; `the network`, if there is none. Then checks that the data
    exist, match the space and can be split, and reads the pretrained weights if the study names a
    file.
    Exit status 2 if no subnet fits or reaches a target or a limit, if the data are faulty, or if
    the space does not contain the shape of the pretrained weights.
    """
    from qnas.errors import QnasError
    from qnas.studies.run.feasibility import assess

    config = target(study, runs, changes, trust=trust).config
    found = assess(config)
    if not settings().json:
        _show(found)
    try:
        found.require()
        checked = _check_inputs(config, data)
    except QnasError as error:
        fault = str(error)
        result(lambda: _document(found, Inputs(), error=fault), lambda: None)
        raise
    checked = replace(checked, remarks=(*found.remarks(), *checked.remarks))
    result(lambda: _document(found, checked), lambda: _show_verdict(config, checked))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found of weights, data and recipe.

    Attributes:
        facts: Sentences on the pretrained weights.
        remarks: Sentences that the user should look at.
        memory: MiB that training needs, by part.
    """

    facts: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    memory: dict[str, int] = field(default_factory=dict)


def _check_inputs(config: Study, data: bool | None) -> Inputs:
    """Check weights and data; ConfigError for faulty ones."""
    from qnas.studies.run.checks import (
        check_recipe,
        check_warm_start,
        images_mib,
        recipe_remarks,
        training_mib,
    )
    from qnas.studies.run.pretrained import check_weights, other_pixels

    space = config.search_space()
    check_warm_start(config, space)
    check_recipe(config.train)
    imported = check_weights(config, space)
    facts = (*imported.lines(), *other_pixels(config, imported)) if imported else ()
    memory = {"training": round(training_mib(config, space))}
    header, remarks = (None, ()) if data is False else _data(config, every_image=bool(data))
    if header:
        memory["images"] = round(images_mib(config, header))
    return Inputs(facts, (*recipe_remarks(config), *remarks), memory)


def _show_verdict(config: Study, found: Inputs) -> None:
    from rich.markup import escape

    from qnas.cli.console import printer

    console = printer()
    for line in found.facts:
        console.print(line, markup=False)
    for line in found.remarks:
        console.print(f"[yellow]{escape(line)}[/yellow]")
    console.print(_memory(config, found.memory), markup=False)
    console.print(f"[green]`{config.name}` can be satisfied.[/green]")


def _memory(config: Study, mib: dict[str, int]) -> str:
    images = f" and {_size(mib['images'])} of images" if mib.get("images") else ""
    batch = f"a batch of {config.train.batch_size:,}, which all processes share"
    return f"Memory: about {_size(mib['training'])} to train ({batch}){images}."


def _size(mib: int) -> str:
    return f"{mib:,} MiB" if mib < GIB else f"{mib / 1024:,.0f} GiB"


def _show(found: Feasibility) -> None:
    from qnas.cli.console import show_tables

    show_tables(_table(found))


def _document(found: Feasibility, inputs: Inputs, *, error: str = "") -> dict[str, Any]:
    """What --json prints."""
    config, device = found.config, found.device
    return {
        "study": config.name,
        "space": config.space_name,
        "device": device.name,
        "clock_mhz": device.clock_mhz,
        "batch": config.search.batch,
        "satisfiable": not error,
        "error": error,
        "subnets": [_subnet(subnet) for subnet in found.reference_subnets],
        "targets": {str(target): found.reaching(target) for target in config.fps_targets},
        "memory": inputs.memory,
        "facts": inputs.facts,
        "remarks": inputs.remarks,
    }


def _subnet(subnet: ReferenceSubnet) -> dict[str, Any]:
    return {
        "name": subnet.name,
        "architecture": subnet.architecture,
        "folding": subnet.folding,
        "cycles": subnet.predicted and subnet.predicted.value("cycles"),
        "fps": subnet.predicted and subnet.predicted.value("fps"),
        "used": {name: subnet.used(name) for name in subnet.limits if subnet.predicted},
        "predicted": subnet.predicted,
        "estimate": subnet.estimate,
        "limits": subnet.limits,
        "fits": subnet.fits,
        "binds": subnet.binding,
    }


def _data(config: Study, *, every_image: bool) -> tuple[DataHeader | None, tuple[str, ...]]:
    """Facts of the data, and remarks on them; ConfigError for faulty data."""
    from qnas.cli.output import progress
    from qnas.studies.run.checks import inspect_data, read_data

    space = config.search_space()
    found = inspect_data(config, space)
    if not every_image:
        unseen = (
            f"`{config.data_name}` is not called: `qnas check --data` looks at what it returns."
        )
        return found, found.remarks if found else (unseen,)
    with progress() as shown:
        shown.stage("data", config.data_name)
        header, remarks = read_data(
            config, space, lambda done, total: shown.advance(done, total, "files read")
        )
    note(f"{header.shape[0]:,} images of {header.num_classes:,} classes were read.")
    return header, remarks


def _table(found: Feasibility) -> Table:
    """The table with one column per subnet: cycles, FPS, resources, binding limits, targets."""
    from rich.markup import escape
    from rich.table import Table

    from qnas._util.units import in_passes
    from qnas.accel.device import RESOURCES

    config, device = found.config, found.device
    passes = f",{in_passes(config.search.batch)}" if config.search.batch > 1 else ""
    title = (
        f"{config.name}: {config.space_name} on {device.name} at {device.clock_mhz:g} MHz,"
        f" {_title(found)}{passes}"
    )
    table = Table(title=escape(title), title_justify="left")
    table.add_column("subnet")
    for subnet in found.reference_subnets:
        table.add_column(subnet.name, justify="right")

    def row(label: str, cells: list[str], *, end: bool = False) -> None:
        table.add_row(label, *cells, end_section=end)

    reference_subnets = found.reference_subnets
    row("embed dim x depth", [_shape(c.architecture) for c in reference_subnets])
    row("folding TM x TT x TK, VL", [_folding(c) for c in reference_subnets], end=True)
    row("cycles", [_predicted(c, "cycles") for c in reference_subnets])
    row("FPS", [_predicted(c, "fps") for c in reference_subnets], end=True)
    used = [r for r in RESOURCES if device.limits()[r] or any(c.used(r) for c in reference_subnets)]
    for resource in used:
        cells = [_amount(c, resource) for c in reference_subnets]
        row(f"{resource.upper()} / limit", cells, end=resource == used[-1])
    row("fits", [_yes(c.fits) for c in reference_subnets])
    row("binds", [_binding(c) for c in reference_subnets], end=True)
    for fps in config.fps_targets:
        row(f"reaches {fps:,} FPS", [_yes(c.reaches(fps)) for c in reference_subnets])
    return table


def _title(found: Feasibility) -> str:
    """What the figures are, and of which kernel."""
    titles = [c.predicted.title for c in found.reference_subnets if c.predicted]
    return titles[0] if titles else "modelled"


def _predicted(subnet: ReferenceSubnet, name: str) -> str:
    return subnet.predicted.text(name) if subnet.predicted else "-"


def _shape(arch: Architecture) -> str:
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
