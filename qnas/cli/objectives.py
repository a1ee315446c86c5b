"""`qnas objectives`."""

from __future__ import annotations

import click


@click.command("objectives")
def command() -> None:
    """List what a study can optimise. Every resource is a hard limit as well."""
    from qnas.errors import ConfigError
    from qnas.objectives.registry import objective_info, objective_names

    for name in objective_names():
        try:
            info = objective_info(name)
        except ConfigError as error:  # a plugin's: the others are listed all the same
            click.echo(f"{name:<8} {error}")
            continue
        click.echo(f"{name:<8} {info.direction} {info.unit:<9} {info.about}")
