"""`qnas devices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from qnas.accel.device import Device

RESOURCE_TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM18", "uram": "URAM"}


@click.command("devices")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the boards that qnas knows, or show every field of one board with its source.

    NAME is a board's name, or the path of your own TOML file; a study may name either.
    """
    from qnas.accel.device import device_names, load_device
    from qnas.cli.console import printer
    from qnas.errors import ConfigError

    console = printer()
    if name is None:
        devices, faults = [], []
        for known in device_names():
            try:
                devices.append(load_device(known))
            except ConfigError as error:  # of a plugin: the other boards are still listed
                faults.append(f"{known}: {error}")
        console.print(_list(devices))
        for fault in faults:
            console.print(fault, markup=False)
        console.print("[dim]`qnas devices NAME` shows limits and sources.[/dim]")
        return
    device = load_device(name)
    title = f"{device.name}  {device.part}  {device.family}"
    console.print(title, style="bold", markup=False)
    console.print(_resources(device))
    _show_sources(console, device)


def _list(devices: list[Device]) -> Table:
    """The table with one row per board, smallest first."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Boards", title_justify="left")
    table.add_column("name")
    table.add_column("part")
    for title in (*RESOURCE_TITLES.values(), "MHz", "memory", "GB/s", "ports"):
        table.add_column(title, justify="right")
    for device in sorted(devices, key=lambda d: d.lut):
        table.add_row(
            Text(device.name),
            Text(device.part),
            *(f"{getattr(device, resource):,}" for resource in RESOURCE_TITLES),
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
