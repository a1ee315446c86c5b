"""`qnas devices`."""

from __future__ import annotations

import click


@click.command("devices")
def command() -> None:
    """List the boards that come with qnas. A study may also name a TOML file of your own."""
    from qnas.accel.device import device_names, load_device

    for name in device_names():
        device = load_device(name)
        click.echo(
            f"{name:<12} {device.part:<26} LUT {device.lut:,}  FF {device.ff:,}  DSP {device.dsp:,}"
            f"  BRAM18 {device.bram18:,}  URAM {device.uram:,}  {device.clock_mhz:g} MHz"
        )
