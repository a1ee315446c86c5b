"""Commands that list names for a study to use: `qnas spaces`, `qnas objectives`, `qnas devices`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import click

from qnas.cli.output import note, result

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qnas.accel.device import Device
    from qnas.objectives.registry import ObjectiveInfo
    from qnas.space import SearchSpace


T = TypeVar("T")
RESOURCE_TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18", "uram": "URAM"}
LISTED_RESOURCES = {name: title for name, title in RESOURCE_TITLES.items() if name != "ff"}


def _list_names(
    names: Iterable[str],
    load: Callable[[str], T],
    show: Callable[[Mapping[str, T]], None],
    *,
    width: int,
) -> None:
    """Print what the names stand for, and behind it the faults of those that a plugin defines and
    that do not load."""
    from qnas.errors import ConfigError

    found: dict[str, T] = {}
    faults: dict[str, str] = {}
    for name in names:
        try:
            found[name] = load(name)
        except ConfigError as error:
            faults[name] = str(error)
    result(lambda: list(found.values()), lambda: show(found))
    for name, fault in faults.items():
        note(f"{name:<{width}} {fault}")


@click.command("spaces")
def spaces() -> None:
    """List the search spaces."""
    from qnas.spaces import load_space, space_names

    _list_names(space_names(), load_space, _show_spaces, width=12)


def _show_spaces(found: Mapping[str, SearchSpace]) -> None:
    for name, space in found.items():
        click.echo(
            f"{name:<12} {space.image_size}x{space.image_size} images, depth {_range(space.depths)}"
            f", width {_range(space.embed_dims)}, heads {_range(space.num_heads)}"
            f", 10^{space.log10_size():.1f} subnets"
        )


def _range(choices: tuple[int, ...]) -> str:
    return f"{choices[0]}-{choices[-1]}" if len(choices) > 1 else str(choices[0])


@click.command("objectives")
def objectives() -> None:
    """List the objectives of a study. Every resource is also a hard limit."""
    from qnas.objectives.registry import objective_info, objective_names

    _list_names(objective_names(), objective_info, _show_objectives, width=12)


def _show_objectives(found: Mapping[str, ObjectiveInfo]) -> None:
    for name, info in found.items():
        click.echo(f"{name:<12} {info.direction} {info.unit:<9} {info.about}")


@click.command("devices")
@click.argument("name", required=False)
def devices(name: str | None) -> None:
    """List the boards that qnas knows, or show every field of one board with its source.

    NAME is a board's name, or the path of your own TOML file; a study may name either.
    """
    from qnas._util.serialization import encode
    from qnas.accel.device import device_names, load_device
    from qnas.cli.console import show_tables
    from qnas.errors import ConfigError

    if name is None:
        devices, faults = [], []
        for known in device_names():
            try:
                devices.append(load_device(known))
            except ConfigError as error:  # of a plugin: the other boards are still listed
                faults.append(f"{known}: {error}")
        result(lambda: devices, lambda: show_tables(_list(devices)))
        for fault in faults:
            note(fault)
        note("`qnas devices NAME` shows a board's part, all its resources, limits and sources.")
        return
    device = load_device(name)
    result(lambda: {**encode(device), "limits": device.limits()}, lambda: _show(device))


def _show(device: Device) -> None:
    """Print the board: its resources, and the sources of its numbers."""
    from qnas.cli.console import printer, show_tables

    console = printer()
    title = f"{device.name}  {device.part}  {device.family}"
    console.print(title, style="bold", markup=False)
    show_tables(_resources(device))
    _show_sources(console, device)


def _list(devices: list[Device]) -> Table:
    """The table with one row per board, smallest first; `devices NAME` has the whole part."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Boards", title_justify="left")
    table.add_column("name")
    table.add_column("chip")
    for title in (*LISTED_RESOURCES.values(), "MHz", "memory", "GB/s", "ports"):
        table.add_column(title, justify="right")
    for device in sorted(devices, key=lambda d: d.lut):
        table.add_row(
            Text(device.name),
            Text(device.part.partition("-")[0]),
            *(f"{getattr(device, resource):,}" for resource in LISTED_RESOURCES),
            f"{device.clock_mhz:g}",
            Text(device.memory),
            f"{device.dram_gbytes_per_s:g}",
            f"{device.axi_ports} x {device.port_bits}",
        )
    return table


def _resources(device: Device) -> Table:
    """The table of the board's resources, the share that a plan may use, and the resulting
    limits."""
    from rich.table import Table

    table = Table(title="Resources", title_justify="left")
    table.add_column("resource")
    for title in ("on the board", "share", "limit of a plan"):
        table.add_column(title, justify="right")
    for resource, limit in device.limits().items():
        share = getattr(device.margins, resource)
        have = f"{getattr(device, resource):,}"
        table.add_row(RESOURCE_TITLES[resource], have, f"{share:.0%}", f"{limit:,}")
    return table


def _show_sources(console: Console, device: Device) -> None:
    """Print every field that has a source: its value, and the source below it."""
    from qnas.errors import printable

    console.print("Sources", style="italic")
    for source in device.sources:
        fields = ", ".join(_named(device, field) for field in source.of)
        console.print(f"  {printable(fields)}", style="bold", markup=False)
        for line in filter(None, (source.text, source.url)):
            console.print(f"    {printable(line)}", markup=False, soft_wrap=True)


def _named(device: Device, field: str) -> str:
    """The field's name, followed by its value if that is a number."""
    value = getattr(device, field, None)  # a misspelt one is shown as it stands
    if value is None or field in ("part", "margins", *RESOURCE_TITLES):
        return field
    return f"{field} = {value:g}" if isinstance(value, float) else f"{field} = {value}"
